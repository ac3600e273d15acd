"""Notifiers in Airflow's sense: callbacks of tasks, questions to people, and what a person's own DAG has to say."""
