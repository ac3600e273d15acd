"""Imported once by a Celery worker, in its main process: the processes of its pool, and so the tasks, inherit the libraries.

Named in AIRFLOW__CELERY__EXTRA_CELERY_CONFIG (``imports``), as :mod:`driftgate_airflow.preload` is for the local executor.
"""

from __future__ import annotations

import logging
import warnings

with warnings.catch_warnings():
    # Libraries that look through all modules for a name touch Airflow's deprecated ones, and others tell of their own inner life:
    # more than a thousand lines in the worker's log.
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    from driftgate_airflow import preload as preload

    logging.disable(logging.NOTSET)
