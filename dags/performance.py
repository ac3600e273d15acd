"""One Airflow DAG `performance__<id>` per monitor file with a section `labels`: labels arrive, performance is restated.

    restate -> route -> trigger_retrain | alert | no_action
            -> export_metrics
            -> check

Description: joins labels that arrive late to their windows and restates the metrics; see each DAG's own documentation for triage notes.
"""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, TriggerRule, XComArg

from driftgate.config.models import LoadedMonitor
from driftgate_airflow.dag_docs import performance_docs
from driftgate_airflow.dag_parts import EARLIEST, OPTIONAL, common_arguments
from driftgate_airflow.label_parts import label_arguments, label_schedule, performance_form
from driftgate_airflow.monitors import monitors_for
from driftgate_airflow.operators.alert import AlertOperator
from driftgate_airflow.operators.check_labels import CheckLabelsOperator
from driftgate_airflow.operators.decide import DECISION_KEY
from driftgate_airflow.operators.export_restated import ExportRestatedOperator
from driftgate_airflow.operators.ingest_window import WINDOW_KEY
from driftgate_airflow.operators.restate_performance import RestatePerformanceOperator
from driftgate_airflow.operators.route_performance import RoutePerformanceOperator
from driftgate_airflow.placing import placed

PREFIX = "performance__"
DECIDED = "{{ ti.xcom_pull(task_ids='route', key='%s')['window']['%s'] }}"


def build(monitor: LoadedMonitor) -> DAG:
    """Wire the restating of one monitor."""
    config = monitor.config
    with DAG(
        dag_id=f"{PREFIX}{config.id}",
        description=f"Joins labels of {config.model_name} that arrive late and restates its performance",
        doc_md=performance_docs(monitor),
        params=performance_form(config),
        schedule=label_schedule(config),
        start_date=EARLIEST,
        catchup=False,
        **label_arguments(common_arguments(monitor, "performance"), monitor),
    ) as dag:
        restate = RestatePerformanceOperator(task_id="restate", monitor_id=config.id, fingerprint=monitor.fingerprint)
        route = RoutePerformanceOperator(task_id="route", monitor_id=config.id, restated=restate.output)
        trigger_retrain = TriggerDagRunOperator(
            task_id="trigger_retrain",
            trigger_dag_id=config.retrain_dag_id,
            # The id that the monitor's own DAG gives too: a window starts one retraining, whichever of them asks first.
            trigger_run_id="drift__{{ ti.xcom_pull(task_ids='route', key='%s') }}" % WINDOW_KEY,  # noqa: UP031 - braces are Jinja's
            logical_date=None,
            conf={
                "window_start": DECIDED % (DECISION_KEY, "start"),
                "window_end": DECIDED % (DECISION_KEY, "end"),
                "reason": "{{ ti.xcom_pull(task_ids='route', key='%s')['reasons'] | join('; ') }}" % DECISION_KEY,  # noqa: UP031
            },
            skip_when_already_exists=True,
            fail_when_dag_is_paused=True,  # else the request would wait unseen
        )
        alert = AlertOperator(task_id="alert", monitor_id=config.id, decision=XComArg(route, key=DECISION_KEY), **OPTIONAL)
        no_action = EmptyOperator(task_id="no_action")
        export = ExportRestatedOperator(task_id="export_metrics", monitor_id=config.id, restated=restate.output, **OPTIONAL)
        check = CheckLabelsOperator(task_id="check", monitor_id=config.id, restated=restate.output)
        # A receiver that is down shows as a red task; the run is judged by its leaves, and this one is always well.
        finish = EmptyOperator(task_id="finish", trigger_rule=TriggerRule.ALL_DONE)

        restate >> [route, export, check]
        route >> [trigger_retrain, alert, no_action]
        [alert, export] >> finish
    return placed(dag, config)


for found in monitors_for(PREFIX):
    if found.config.labels is not None:
        globals()[f"{PREFIX}{found.config.id}"] = build(found)
