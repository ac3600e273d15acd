"""The machine and the versions that a run was measured with, and how busy the machine was."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

PACKAGES = (
    "apache-airflow", "evidently", "great-expectations", "mlflow", "pandas", "numpy", "pyarrow", "scikit-learn", "sqlalchemy", "duckdb",
)  # fmt: skip
BUSY = 0.5
"""Load per core above which the machine has other work: times are then those of a busy machine."""


def describe() -> dict[str, str]:
    """Return processor, cores, memory, system and the versions of what is measured."""
    import psutil

    found = {
        "processor": f"{os.cpu_count()} cores, {_processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
    }
    return found | {name: text for name in PACKAGES if (text := _version(name)) is not None}


def load() -> float:
    """Return the number of processes that wanted the processor, on average over the last minute."""
    return os.getloadavg()[0]


def is_busy(before: float) -> bool:
    return before > BUSY * (os.cpu_count() or 1)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    except OSError:
        return platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except Exception:
        return None
