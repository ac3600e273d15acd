"""Shows broken monitor files in Airflow's list of DAG import errors, each with file, line, key and remedy; builds no DAG.

A file of its own, so that an error here never marks the DAGs of the other monitors as broken: Airflow keeps one import error per
DAG file and takes all DAGs of that file away. The error disappears by itself when the last monitor file is corrected.
"""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from driftgate.errors import ConfigError
from driftgate_airflow.monitors import broken_monitors

if get_parsing_context().dag_id is None:
    found = broken_monitors()
    if found:
        raise ConfigError([problem for error in found.values() for problem in error.problems])
