"""One Airflow DAG `retrain__<id>` per monitor file: train a challenger, compare it, promote it or not.

    build_training_set -> train_challenger -> compare -> route -> (approve) -> promote | keep_champion

Description: started by a monitor's decision or by hand; see each DAG's own documentation for triage notes and owner.
"""

from __future__ import annotations

from airflow.sdk import DAG, TriggerRule

from driftgate.config.models import LoadedMonitor
from driftgate_airflow.dag_docs import retrain_docs
from driftgate_airflow.dag_parts import EARLIEST, common_arguments, retrain_form
from driftgate_airflow.monitors import monitors_for
from driftgate_airflow.notifiers.approval import ApprovalNotifier
from driftgate_airflow.operators.approve_challenger import ApproveChallengerOperator
from driftgate_airflow.operators.build_training_set import BuildTrainingSetOperator
from driftgate_airflow.operators.compare_models import SUMMARY_KEY, CompareModelsOperator
from driftgate_airflow.operators.keep_champion import KeepChampionOperator
from driftgate_airflow.operators.promote_challenger import PromoteChallengerOperator
from driftgate_airflow.operators.route_challenger import RouteChallengerOperator
from driftgate_airflow.operators.train_challenger import TrainChallengerOperator
from driftgate_airflow.placing import placed

PREFIX = "retrain__"


def build(monitor: LoadedMonitor) -> DAG:
    """Wire the retraining of one monitor."""
    config = monitor.config
    asks_a_person = config.retrain.approval == "human"
    with DAG(
        dag_id=config.retrain_dag_id,
        description=f"Train a challenger for {config.model_name} and compare it with the champion",
        doc_md=retrain_docs(monitor),
        params=retrain_form(),
        schedule=None,
        start_date=EARLIEST,
        catchup=False,
        **common_arguments(monitor, "retrain"),
    ) as dag:
        training_set = BuildTrainingSetOperator(task_id="build_training_set", monitor_id=config.id)
        train = TrainChallengerOperator(task_id="train_challenger", monitor_id=config.id, plan=training_set.output)
        compare = CompareModelsOperator(task_id="compare", monitor_id=config.id, plan=training_set.output, challenger=train.output)
        route = RouteChallengerOperator(
            task_id="route",
            retraining=compare.output,
            if_wins="approve" if asks_a_person else "promote",
            if_promoted="promote",
            if_loses="keep_champion",
        )
        promote = PromoteChallengerOperator(
            task_id="promote", monitor_id=config.id, retraining=compare.output, trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
        )
        keep_champion = KeepChampionOperator(
            task_id="keep_champion", monitor_id=config.id, retraining=compare.output, trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
        )
        training_set >> train >> compare >> route >> [promote, keep_champion]
        if asks_a_person:
            approve = ApproveChallengerOperator(
                task_id="approve",
                subject=f"Promote the challenger of {config.id}?",
                body="{{ ti.xcom_pull(task_ids='compare', key='%s') }}" % SUMMARY_KEY,  # noqa: UP031 - braces are Jinja's
                response_timeout=config.retrain.approval_timeout,
                if_approved="promote",
                if_rejected="keep_champion",
                notifiers=[ApprovalNotifier(monitor_id=config.id)],
            )
            promote.response = keep_champion.response = approve.output
            route >> approve >> [promote, keep_champion]
    return placed(dag, config)


for found in monitors_for(PREFIX):
    globals()[found.config.retrain_dag_id] = build(found)
