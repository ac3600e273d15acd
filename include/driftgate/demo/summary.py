"""The demonstration's last page: one line per day, the retraining, and where to look."""

from __future__ import annotations

from driftgate.airflow_api import AirflowApi
from driftgate.config.windows import label, window_at
from driftgate.context import Context
from driftgate.demo.plan import MONITOR, PLAN, Day, Kind
from driftgate.records import Batch, Measures, Retraining
from driftgate.stack.status import StackStatus
from driftgate.text import align

_HEAD = ("window", "rows", "gate", "drifted columns", "MAE", "model", "decision", "run")


def print_summary(context: Context, api: AirflowApi, stack: StackStatus) -> None:
    """Print the table of days, the retraining with both scores, and the addresses."""
    print(render_table([_HEAD, *(_row(context, api, day) for day in PLAN)]))
    for done in reversed(context.store.retrainings(MONITOR)):
        print(_describe(context, done))
    print(_addresses(context, stack))


def render_table(rows: list[tuple[str, ...]]) -> str:
    """Align columns under their heads."""
    lines = align(rows)
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _row(context: Context, api: AirflowApi, day: Day) -> tuple[str, ...]:
    window = window_at(context.config, day.date)
    batch = context.store.find_batch(MONITOR, window)
    gate = context.store.find_gate(MONITOR, window)
    measures = _measures(context, batch)
    decision = context.store.find_decision(MONITOR, window)
    return (
        label(context.config, window),
        str(batch.rows) if batch else "-",
        gate.verdict.value if gate else "-",
        _drifted(measures),
        _number(measures, "mae"),
        (batch.model_version if batch else None) or "-",
        decision.action.value if decision else "(quarantined)" if gate else "-",
        api.run_url(context.config.monitor_dag_id, (batch.dag_run if batch else None) or day.run_id),
    )


def _measures(context: Context, batch: Batch | None) -> Measures | None:
    if batch is None or batch.model_version is None:
        return None
    return context.store.load_measures(MONITOR, batch.window, batch.model_version)


def _drifted(measures: Measures | None) -> str:
    if measures is None:
        return "-"
    names = [item.column for item in measures.metrics if item.metric == "drift_score" and item.verdict and item.verdict.value == "alarm"]
    return f"{len(names)} ({', '.join(names)})" if names else "0"


def _number(measures: Measures | None, metric: str) -> str:
    found = measures.find(metric) if measures else None
    return f"{found.value:.1f}" if found and found.value is not None else "-"


def _describe(context: Context, done: Retraining) -> str:
    comparison = done.comparison
    name = comparison.metric
    who, scores = "first champion", f"{comparison.challenger[name]:.2f}"
    if done.champion_version:
        who = f"champion {done.champion_version} against challenger {done.challenger_version}"
        scores = f"{comparison.champion.get(name, float('nan')):.2f} against {scores}"
    title = f"training for {label(context.config, done.trigger_window)}: {who}, {name} {scores}"
    return f"\n{title}: {done.verdict.value.replace('_', ' ')}\n  {comparison.reason}"


def _addresses(context: Context, stack: StackStatus) -> str:
    airflow, login = stack.addresses["Airflow"], stack.login
    assert login is not None  # the stack is up
    lines = [
        ("Airflow", f"{airflow}   user {login.user}, password {login.password} (kept in {login.password_file})"),
        ("Driftgate", f"{airflow}/plugin/driftgate   (same login) every monitor at a glance"),
        ("Incidents", f"{airflow}/plugin/driftgate/driftgate/pages/incidents.html   (same login) what is open, and what was"),
        ("Data Docs", f"{airflow}/plugin/data-docs/driftgate/data-docs/index.html   (same login)"),
        ("MLflow run", _mlflow_run(context)),
        *([("Evidently", stack.addresses["Evidently"])] if "Evidently" in stack.addresses else []),
        ("Records", ".venv/bin/driftgate psql -c 'select window_start, status from driftgate.batch order by 1'"),
        ("Processes", "make status"),
    ]
    return "\n".join(["\nWhere to look", *(f"  {name:<12} {address}" for name, address in lines)])


def _mlflow_run(context: Context) -> str:
    """Address of the run of the last day that was measured."""
    from driftgate.record.mlflow_runs import find_run, run_link

    uri = context.settings.require_mlflow()
    last = [day for day in PLAN if day.kind is not Kind.CORRUPTED][-1]
    run = find_run(uri, context.config, window_at(context.config, last.date))
    return run_link(uri, run) if run else uri
