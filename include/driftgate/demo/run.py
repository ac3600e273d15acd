"""The demonstration from start to end. Finished work is found and not repeated; an interrupted run goes on."""

from __future__ import annotations

import time

from driftgate.airflow_api import AirflowApi
from driftgate.config.windows import window_at
from driftgate.context import Context, open_context
from driftgate.demo.plan import MONITOR, PLAN, STORY, TRAIN_FROM, TRAIN_TO, Day, Kind, write_landing_files
from driftgate.demo.summary import print_summary
from driftgate.errors import StackError
from driftgate.records import Action, BatchStatus, Window
from driftgate.settings import Settings, load
from driftgate.stack.commands import up

RUN_TIMEOUT = 600
DAG_TIMEOUT = 180


def say(text: str) -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def run_demo(settings: Settings) -> int:
    """Run the demonstration; 0 when every day ended as announced, 1 otherwise."""
    started = time.monotonic()
    say(STORY)
    say("\n1. The stack")
    stack = up(settings, echo=lambda line: say(f"   {line}"))
    context = open_context(MONITOR, load())
    say("\n2. The first champion")
    write_landing_files(context.settings)
    _train_champion(context)
    say(f"\n3. {len(PLAN)} days of April 2013, each a real run of monitor__flights")
    assert stack.login is not None  # the stack is up
    api = AirflowApi(stack.addresses["Airflow"], stack.login.user, stack.login.password)
    _wait_for_dags(api, context)
    surprises = [problem for day in PLAN if (problem := _run_day(context, api, day))]
    say("\n4. What happened")
    print_summary(context, api, stack)
    for problem in surprises:
        say(f"NOT AS ANNOUNCED: {problem}")
    say(f"\nDone in {time.monotonic() - started:.0f} s. The stack goes on running; stop it with `make down`.")
    return 1 if surprises else 0


def _train_champion(context: Context) -> None:
    from driftgate.commands import print_retraining
    from driftgate.retraining import bootstrap

    version = context.registry.champion_version(context.config.model_name)
    if version is not None:
        say(f"   version {version} is the champion already")
        return
    say(f"   training on {TRAIN_FROM} to {TRAIN_TO}: every day goes through the gate first")
    seen: list[BatchStatus] = []

    def progress(window: Window, status: BatchStatus, rows: int) -> None:
        seen.append(status)
        if len(seen) % 15 == 0:
            say(f"   {len(seen)} days, {seen.count(BatchStatus.QUARANTINED)} stopped by the gate")

    print_retraining(bootstrap(context, TRAIN_FROM, TRAIN_TO, approver="demo", progress=progress))


def _wait_for_dags(api: AirflowApi, context: Context) -> None:
    limit = time.monotonic() + DAG_TIMEOUT
    wanted = (context.config.monitor_dag_id, context.config.retrain_dag_id)
    while missing := [dag_id for dag_id in wanted if not api.has_dag(dag_id)]:
        if time.monotonic() > limit:
            errors = "; ".join(f"{item['filename']}: {item['stack_trace'][-300:]}" for item in api.import_errors())
            raise StackError(f"Airflow shows no DAG {', '.join(missing)} after {DAG_TIMEOUT} s; import errors: {errors or 'none'}")
        time.sleep(1)


def _run_day(context: Context, api: AirflowApi, day: Day) -> str | None:
    """Run one day and return what was not as announced, or None."""
    window = window_at(context.config, day.date)
    begun = time.monotonic()
    done = _finished(context, window)
    if not done:
        _trigger(api, context, day)
    problem = _wait_for_retraining(context, api, window) or _judge(context, day, window)
    took = "done before" if done else f"{time.monotonic() - begun:.1f} s"
    batch = context.store.find_batch(MONITOR, window)
    say(f"   {day.date}  {day.kind.value:<10} {batch.status.value if batch else 'no batch':<12} {took}")
    return problem


def _finished(context: Context, window: Window) -> bool:
    batch = context.store.find_batch(MONITOR, window)
    if batch is None:
        return False
    if batch.status is BatchStatus.MEASURED:
        return context.store.find_decision(MONITOR, window) is not None
    return batch.status is BatchStatus.QUARANTINED


def _trigger(api: AirflowApi, context: Context, day: Day) -> None:
    """Start the day's run under the next free run id (a run that ended without finishing keeps its own) and wait."""
    dag_id, attempt, run_id = context.config.monitor_dag_id, 1, day.run_id
    while (known := api.find_run(dag_id, run_id)) is not None and known["state"] in ("success", "failed"):
        attempt += 1
        run_id = f"{day.run_id}__{attempt}"
    api.trigger(dag_id, run_id, {"window_start": str(day.date)})
    api.wait(dag_id, run_id, RUN_TIMEOUT)


def _wait_for_retraining(context: Context, api: AirflowApi, window: Window) -> str | None:
    decision = context.store.find_decision(MONITOR, window)
    if decision is None or decision.action is not Action.RETRAIN:
        return None
    say("   three bad days in a row: retrain__flights is running")
    state = api.wait(context.config.retrain_dag_id, f"drift__{window.key}", RUN_TIMEOUT)
    return None if state == "success" else f"the retraining of {window} ended as {state}"


def _judge(context: Context, day: Day, window: Window) -> str | None:
    batch = context.store.find_batch(MONITOR, window)
    expected = BatchStatus.QUARANTINED if day.kind is Kind.CORRUPTED else BatchStatus.MEASURED
    if batch is None or batch.status is not expected:
        return f"{day.date} is {batch.status.value if batch else 'missing'}, not {expected.value}"
    return None
