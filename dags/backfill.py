"""One Airflow DAG `backfill__<id>` per monitor file: many windows of the past at once, by hand.

    plan -> prepare (one task per chunk) -> settle -> log_mlflow (one task per chunk) -> finish -> trigger_retrain

Description: the same records as a run of `monitor__<id>` for each window, in a fraction of the time; see each DAG's own documentation.
"""

from __future__ import annotations

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, TriggerRule, XComArg

from driftgate.config.models import LoadedMonitor
from driftgate_airflow.backfill_parts import backfill_docs, backfill_form
from driftgate_airflow.dag_parts import EARLIEST, PATIENT, common_arguments
from driftgate_airflow.monitors import monitors_for
from driftgate_airflow.operators.finish_backfill import RETRAIN_KEY, FinishBackfillOperator
from driftgate_airflow.operators.log_windows import LogWindowsOperator
from driftgate_airflow.operators.plan_backfill import STRETCH_KEY, UNLOGGED_KEY, PlanBackfillOperator
from driftgate_airflow.operators.prepare_windows import PrepareWindowsOperator
from driftgate_airflow.operators.settle_windows import SUMMARY_KEY, SettleWindowsOperator
from driftgate_airflow.placing import placed

PREFIX = "backfill__"
ASKED = "{{ ti.xcom_pull(task_ids='finish', key='%s')['%s'] }}"
CHUNK_NAME = "{{ task.chunk['name'] }}"


def build(monitor: LoadedMonitor) -> DAG:
    """Wire the backfill of one monitor."""
    config = monitor.config
    arguments = common_arguments(monitor, "backfill")
    # The past pages nobody, and lets the windows of today go first.
    arguments["default_args"] = {**arguments["default_args"], **PATIENT, "on_failure_callback": None}
    with DAG(
        dag_id=f"{PREFIX}{config.id}",
        description=f"Takes many windows of {config.model_name} through the pipeline at once",
        doc_md=backfill_docs(monitor),
        params=backfill_form(config),
        schedule=None,
        start_date=EARLIEST,
        catchup=False,
        **arguments,
    ) as dag:
        plan = PlanBackfillOperator(task_id="plan", monitor_id=config.id, fingerprint=monitor.fingerprint)
        prepare = PrepareWindowsOperator.partial(task_id="prepare", monitor_id=config.id, map_index_template=CHUNK_NAME).expand(
            chunk=plan.output
        )
        settle = SettleWindowsOperator(
            task_id="settle",
            monitor_id=config.id,
            chunks=plan.output,
            unlogged=XComArg(plan, key=UNLOGGED_KEY),
            trigger_rule=TriggerRule.NONE_FAILED,  # without a chunk nothing is prepared
        )
        log_mlflow = LogWindowsOperator.partial(task_id="log_mlflow", monitor_id=config.id, map_index_template=CHUNK_NAME).expand(
            chunk=settle.output
        )
        finish = FinishBackfillOperator(
            task_id="finish",
            monitor_id=config.id,
            stretch=XComArg(plan, key=STRETCH_KEY),
            summary=XComArg(settle, key=SUMMARY_KEY),
            trigger_rule=TriggerRule.NONE_FAILED,
        )
        trigger_retrain = TriggerDagRunOperator(
            task_id="trigger_retrain",
            trigger_dag_id=config.retrain_dag_id,
            trigger_run_id=ASKED % (RETRAIN_KEY, "run_id"),
            logical_date=None,
            conf={name: ASKED % (RETRAIN_KEY, name) for name in ("window_start", "window_end", "reason")},
            skip_when_already_exists=True,  # the same window never starts a second retraining
            fail_when_dag_is_paused=True,  # else the request would wait unseen
        )
        plan >> prepare >> settle >> log_mlflow >> finish >> trigger_retrain
    return placed(dag, config)


for found in monitors_for(PREFIX):
    globals()[f"{PREFIX}{found.config.id}"] = build(found)
