"""Driftgate: closed-loop ML monitoring. The library is pure Python and never imports Airflow."""

__version__ = "0.1.0"
