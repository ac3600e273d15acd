"""Pages inside Airflow's UI: Data Docs and reports behind Airflow's own login and permissions."""
