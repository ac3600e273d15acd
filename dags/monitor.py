"""One Airflow DAG `monitor__<id>` per monitor file: ingest, gate, measure, record, decide.

    ingest -> gate -> measure -> log_mlflow -> render_report (not where reports are drawn on demand)
                              -> store_postgres -> export_metrics
                                                -> decide -> trigger_retrain | alert | no_action

Description: a run takes one window of a monitor through every step; see each DAG's own documentation for triage notes and owner.
"""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, TriggerRule, XComArg

from driftgate.config.models import LoadedMonitor
from driftgate_airflow.dag_docs import monitor_docs
from driftgate_airflow.dag_parts import EARLIEST, OPTIONAL, PATIENT, common_arguments, monitor_form, timetable
from driftgate_airflow.monitors import monitors_for
from driftgate_airflow.operators.alert import AlertOperator
from driftgate_airflow.operators.decide import DECISION_KEY, DecideOperator
from driftgate_airflow.operators.export_metrics import ExportMetricsOperator
from driftgate_airflow.operators.gate_window import GateWindowOperator
from driftgate_airflow.operators.ingest_window import WINDOW_KEY, IngestWindowOperator
from driftgate_airflow.operators.log_mlflow import LogMlflowOperator
from driftgate_airflow.operators.measure_window import MeasureWindowOperator
from driftgate_airflow.operators.render_report import RenderReportOperator
from driftgate_airflow.operators.store_postgres import StorePostgresOperator
from driftgate_airflow.placing import placed

PREFIX = "monitor__"
TRIGGER_WINDOW = "{{ ti.xcom_pull(task_ids='ingest')['window']['%s'] }}"


def build(monitor: LoadedMonitor) -> DAG:
    """Wire the steps of one monitor."""
    config = monitor.config
    with DAG(
        dag_id=config.monitor_dag_id,
        description=config.description or f"Drift, quality and performance of {config.model_name}",
        doc_md=monitor_docs(monitor),
        params=monitor_form(config),
        schedule=timetable(config),
        start_date=EARLIEST,
        catchup=config.schedule.catchup,
        **common_arguments(monitor, "monitor"),
    ) as dag:
        ingest = IngestWindowOperator(task_id="ingest", monitor_id=config.id, fingerprint=monitor.fingerprint)
        gate = GateWindowOperator(task_id="gate", monitor_id=config.id, batch=ingest.output)
        measure = MeasureWindowOperator(task_id="measure", monitor_id=config.id, batch=ingest.output)
        log_mlflow = LogMlflowOperator(
            task_id="log_mlflow", monitor_id=config.id, batch=ingest.output, gate_result=gate.output, measures=measure.output
        )
        store = StorePostgresOperator(task_id="store_postgres", monitor_id=config.id, batch=ingest.output, measures=measure.output)
        decide = DecideOperator(task_id="decide", monitor_id=config.id, measures=measure.output)
        trigger_retrain = TriggerDagRunOperator(
            task_id="trigger_retrain",
            trigger_dag_id=config.retrain_dag_id,
            trigger_run_id="drift__{{ ti.xcom_pull(task_ids='ingest', key='%s') }}" % WINDOW_KEY,  # noqa: UP031 - braces are Jinja's
            logical_date=None,
            conf={
                "window_start": TRIGGER_WINDOW % "start",
                "window_end": TRIGGER_WINDOW % "end",
                "reason": "{{ ti.xcom_pull(task_ids='decide', key='%s')['reasons'] | join('; ') }}" % DECISION_KEY,  # noqa: UP031
            },
            skip_when_already_exists=True,  # the same window never starts a second retraining
            fail_when_dag_is_paused=True,  # else the request would wait unseen
        )
        alert = AlertOperator(task_id="alert", monitor_id=config.id, decision=XComArg(decide, key=DECISION_KEY), **OPTIONAL)
        no_action = EmptyOperator(task_id="no_action")
        export = ExportMetricsOperator(
            task_id="export_metrics", monitor_id=config.id, batch=ingest.output, measures=measure.output, **OPTIONAL
        )
        # A receiver that is down shows as a red task; the run is judged by its leaves, and this one is always well.
        finish = EmptyOperator(task_id="finish", trigger_rule=TriggerRule.ALL_DONE)

        ingest >> gate >> measure >> [log_mlflow, store]
        if config.report.draw != "on_demand":
            log_mlflow >> RenderReportOperator(
                task_id="render_report",
                monitor_id=config.id,
                batch=ingest.output,
                measures=measure.output,
                mlflow_run=log_mlflow.output,
                **PATIENT,
            )
        store >> [decide, export]
        decide >> [trigger_retrain, alert, no_action]
        [alert, export] >> finish
    return placed(dag, config)


for found in monitors_for(PREFIX):
    globals()[found.config.monitor_dag_id] = build(found)
