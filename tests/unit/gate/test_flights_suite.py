"""The committed suite and configuration, on the real flights."""

from __future__ import annotations

import json
import shutil
from datetime import date

import pandas as pd
import pytest
import yaml

from driftgate.config.models import MonitorConfig
from driftgate.config.windows import window_at
from driftgate.gate.checkpoint import run_gate
from driftgate.ingest.roles import apply_roles, source_columns
from driftgate.ingest.source import read_rows
from driftgate.records import GateVerdict


@pytest.fixture(scope="module")
def config(request) -> MonitorConfig:
    root = request.config.rootpath
    return MonitorConfig.model_validate(yaml.safe_load((root / "include" / "monitors" / "flights.yaml").read_text()))


def day_of(config, settings, day) -> pd.DataFrame:
    window = window_at(config, day)
    return apply_roles(read_rows(config, window, source_columns(config), settings), config, window)[0]


@pytest.mark.parametrize(
    ("day", "verdict"),
    [(date(2013, 1, 15), "pass"), (date(2013, 3, 10), "pass"), (date(2013, 4, 5), "pass"), (date(2013, 2, 9), "warn")],
    ids=["ordinary", "clocks go forward", "demo", "blizzard"],
)
def test_real_days_are_judged_as_a_person_would(config, settings, day, verdict):
    result = run_gate(config, window_at(config, day), day_of(config, settings, day), settings, build_docs=False)
    assert result.verdict == verdict, [str(item) for item in result.failed]


@pytest.mark.parametrize(
    ("fault", "column"),
    [
        (lambda rows: rows.assign(distance=rows["distance"].where(rows.index % 10 >= 4)), "distance"),
        (lambda rows: rows.assign(carrier=rows["carrier"].where(rows.index % 10 < 7, "??")), "carrier"),
        (lambda rows: rows.assign(dep_delay=rows["dep_delay"] * 60), "dep_delay"),
        (lambda rows: rows.assign(origin="LAX"), "origin"),
        (lambda rows: rows.head(100), None),
        (lambda rows: pd.concat([rows, rows.head(5)]), "scheduled, flight, tailnum"),
    ],
    ids=["missing values", "unknown codes", "seconds for minutes", "another airport", "cut off", "delivered twice"],
)
def test_typical_corruptions_are_stopped(config, settings, fault, column):
    day = date(2013, 4, 5)
    rows = fault(day_of(config, settings, day))
    result = run_gate(config, window_at(config, day), rows, settings, build_docs=False)
    assert result.verdict is GateVerdict.FAIL
    assert [item.column for item in result.failed if item.severity == "critical"] == [column]


def test_the_suite_holds_every_kind_of_expectation_that_is_asked_for(settings):
    suite = json.loads((settings.gx_dir / "expectations" / "flights.json").read_text())
    kinds = {item["type"]: item for item in suite["expectations"]}
    assert {
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_in_set",
        "expect_table_row_count_to_be_between",
    } <= kinds.keys()
    assert any(item["kwargs"].get("mostly") == 0.98 for item in suite["expectations"])


def test_the_file_context_opens_and_knows_the_suite(project_root, tmp_path):
    import great_expectations as gx

    folder = shutil.copytree(project_root / "great_expectations", tmp_path / "great_expectations")  # opening it creates folders
    context = gx.get_context(mode="file", context_root_dir=str(folder))
    assert context.suites.get("flights").name == "flights"
    assert list(context.variables.data_docs_sites or {}) == ["local_site"]


def test_nothing_in_the_folder_shadows_the_library(project_root):
    assert not list((project_root / "great_expectations").rglob("__init__.py"))
