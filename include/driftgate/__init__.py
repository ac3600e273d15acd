"""Driftgate: closed-loop ML monitoring. The library is pure Python and never imports Airflow."""

from driftgate.processor import choose_sort

__version__ = "0.1.0"

choose_sort()  # before anything here imports NumPy
