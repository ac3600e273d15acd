"""Helpers of the ingest tests: the trips of one day as a source would hold them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from driftgate.config.models import MonitorConfig
from driftgate.settings import Settings
from factories import make_config, make_window


@pytest.fixture
def local_settings(settings: Settings, tmp_path: Path) -> Settings:
    """Settings whose project root is an empty folder."""
    root = tmp_path / "project"
    root.mkdir()
    return replace(settings, project_root=root)


@pytest.fixture
def raw_trips() -> Callable[..., pd.DataFrame]:
    def build(**columns: Any) -> pd.DataFrame:
        base = {
            "trip_id": ["b", "a", "c"],
            "ts": ["2024-01-01T08:00:00Z", "2024-01-01T07:00:00Z", "2024-01-01T23:59:59Z"],
            "distance": [1.5, 2.5, 3.5],
            "hour": [8, 7, 23],
            "vendor": ["x", "y", "x"],
            "duration": [4.0, 8.0, 10.0],
        }
        return pd.DataFrame({**base, **columns})

    return build


@pytest.fixture
def files_config() -> Callable[..., MonitorConfig]:
    def build(path: str, **source: Any) -> MonitorConfig:
        return make_config(source={"kind": "files", "path": path, **source})

    return build


@pytest.fixture
def window() -> Any:
    return make_window()
