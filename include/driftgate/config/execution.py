"""Where a monitor's tasks run, where that differs from the installation's settings."""

from __future__ import annotations

import re

from pydantic import field_validator

from driftgate.config.section import Section

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$")


class PlacementConfig(Section):
    """Queue and pool of the tasks of one weight; None: the installation's."""

    queue: str | None = None
    pool: str | None = None

    @field_validator("queue", "pool")
    @classmethod
    def _plain_name(cls, value: str | None) -> str | None:
        if value is not None and not NAME.match(value):
            raise ValueError("is not a plain name; use letters, digits, '_', '-' and '.', as the workers and Airflow's pools know it")
        return value


class ExecutionConfig(Section):
    """Placement by weight; which tasks are heavy is decided by the operators."""

    light: PlacementConfig = PlacementConfig()
    heavy: PlacementConfig = PlacementConfig()
