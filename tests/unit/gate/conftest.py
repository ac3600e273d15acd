"""A gate with suites of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from driftgate.settings import Settings
from expectations import IN_RANGE, IN_SET, NOT_NULL, ROWS


@pytest.fixture
def gate_settings(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with an empty folder of suites and no monitor files."""
    (tmp_path / "gx" / "expectations").mkdir(parents=True)
    (tmp_path / "monitors").mkdir()
    return replace(settings, gx_dir=tmp_path / "gx", monitors_dir=tmp_path / "monitors")


@pytest.fixture
def suite(gate_settings: Settings) -> Callable[..., Path]:
    """Write a suite."""

    def write(*expectations: dict[str, Any], name: str = "trips") -> Path:
        path = gate_settings.gx_dir / "expectations" / f"{name}.json"
        path.write_text(json.dumps({"name": name, "expectations": list(expectations or (ROWS, NOT_NULL, IN_RANGE, IN_SET))}))
        return path

    return write
