"""Where tasks run: by weight, to a queue of workers and to a pool that bounds how many run at once.

Heavy tasks read the rows of a window (ingest, gate, measure, report, training); light ones move numbers (record, decide, tell). Without
any setting both go where Airflow sends tasks by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from driftgate.errors import SettingsError

Weight = Literal["light", "heavy"]
WEIGHTS: tuple[Weight, ...] = ("light", "heavy")
DEFAULT_SLOTS = 4


@dataclass(frozen=True)
class Placement:
    """Where tasks of one weight run."""

    queue: str | None = None
    """Queue that workers listen on (Celery), None: Airflow's default queue."""
    pool: str | None = None
    """Airflow pool, None: Airflow's default pool. A task of a pool that does not exist never starts."""
    slots: int = DEFAULT_SLOTS
    """How many of these tasks run at once, where the pool is made by `driftgate up` or by the init container."""


def read(environ: Mapping[str, str], weight: Weight) -> Placement:
    """Read DRIFTGATE_<WEIGHT>_QUEUE, DRIFTGATE_<WEIGHT>_POOL and DRIFTGATE_<WEIGHT>_POOL_SLOTS.

    Raises
    ------
    SettingsError
        The number of slots is no positive number.
    """
    prefix = f"DRIFTGATE_{weight.upper()}"
    slots = environ.get(f"{prefix}_POOL_SLOTS") or str(DEFAULT_SLOTS)
    if not slots.isdecimal() or int(slots) < 1:
        raise SettingsError(f"{prefix}_POOL_SLOTS={slots!r} is not a number of tasks: write 1 or more, or unset it ({DEFAULT_SLOTS})")
    return Placement(environ.get(f"{prefix}_QUEUE") or None, environ.get(f"{prefix}_POOL") or None, int(slots))
