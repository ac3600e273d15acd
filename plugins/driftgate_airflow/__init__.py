"""Airflow's side of Driftgate: operators, hook, links and pages. The work itself is done by the library `driftgate`."""
