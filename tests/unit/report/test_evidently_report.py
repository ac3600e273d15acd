"""The Evidently report: written whole, equal to the measures, and possible for awkward data."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftgate.config.models import MonitorConfig
from driftgate.errors import MeasureError
from driftgate.measure.drift import column_drift, dataset_drift
from driftgate.report.evidently_report import render_report
from factories import make_binary_config, make_binary_frame, make_config, make_frame


def render(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame, folder: Path) -> list[dict[str, Any]]:
    """Render and return the metrics of the JSON file."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = render_report(config, current, reference, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["evidently.html", "evidently.json"]
    page = report.html.read_text()
    assert "<html" in page[:200]
    assert not re.search(r"<(script|link)[^>]+(src|href)=.https?:", page), "the page needs the internet"
    metrics: list[dict[str, Any]] = json.loads(report.json.read_text(), parse_constant=_refuse)["metrics"]
    return metrics


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def types(metrics: list[dict[str, Any]]) -> set[str]:
    return {item["config"]["type"].rsplit(":", 1)[-1] for item in metrics}


def test_the_report_shows_the_scores_methods_and_limits_of_the_measures(tmp_path: Path) -> None:
    config = make_config(
        measures={
            "method_categorical": "psi",
            "columns": {"hour": {"drift": False}, "distance": {"method": "ks", "threshold": 0.2}, "duration": {"threshold": 0.7}},
        }
    )
    current, reference = make_frame(300, seed=1, shift=0.5), make_frame(2000)
    current.loc[:9, "distance"] = np.nan
    metrics = render(config, current, reference, tmp_path)
    drawn = {item["config"]["column"]: item for item in metrics if item["config"]["type"].endswith("ValueDrift")}
    measured = {item.column: item for item in column_drift(config, current, reference)}
    assert set(drawn) == set(measured) == {"distance", "vendor", "duration", "prediction"}
    for name, item in drawn.items():
        assert item["value"] == pytest.approx(measured[name].value, abs=1e-9)
        assert item["config"]["threshold"] == measured[name].threshold
    assert drawn["distance"]["config"]["method"] == measured["distance"].method == "ks"
    [count] = [item["value"] for item in metrics if item["config"]["type"].endswith("DriftedColumnsCount")]
    totals = {item.metric: item.value for item in dataset_drift(config, list(measured.values()))}
    assert (count["count"], count["share"]) == (totals["drifted_columns"], totals["drift_share"])


def test_a_regression_report_has_drift_quality_and_summary(tmp_path: Path) -> None:
    assert {"ValueDrift", "MAE", "RowCount"} <= types(render(make_config(), make_frame(200, seed=1), make_frame(1500), tmp_path))


def test_a_binary_report_has_classification_quality_of_the_labels(tmp_path: Path) -> None:
    current = make_binary_frame(200, seed=1)
    metrics = render(make_binary_config(), current.astype({"late": "float64"}), make_binary_frame(1500), tmp_path)
    [accuracy] = [item["value"] for item in metrics if item["config"]["type"].endswith(":Accuracy")]
    assert accuracy == pytest.approx((current["late"] == current["prediction"]).mean())


def test_a_multiclass_report_has_classification_quality(tmp_path: Path) -> None:
    current, reference = (frame.assign(duration=frame["vendor"], prediction="a") for frame in (make_frame(200, seed=1), make_frame(1500)))
    assert "Accuracy" in types(render(make_config(task="multiclass"), current, reference, tmp_path))


@pytest.mark.parametrize("lost", ["null in the window", "not in the window", "not in the reference"])
def test_without_targets_there_is_no_quality_part(lost: str, tmp_path: Path) -> None:
    current, reference = make_frame(200, seed=1), make_frame(1500)
    if lost == "null in the window":
        current["duration"] = np.nan
    elif lost == "not in the window":
        current = current.drop(columns="duration")
    else:
        reference = reference.drop(columns="duration")
    found = types(render(make_config(), current, reference, tmp_path))
    assert {"ValueDrift", "RowCount"} <= found
    assert "MAE" not in found


def test_all_null_and_constant_columns_are_reported(tmp_path: Path) -> None:
    current = make_frame(200, seed=1).assign(distance=np.nan, hour=5.0, vendor=pd.Series(None, index=range(200), dtype="str"))
    metrics = render(make_config(), current, make_frame(1500), tmp_path)
    drawn = {item["config"]["column"] for item in metrics if item["config"]["type"].endswith("ValueDrift")}
    assert drawn == {"hour", "duration", "prediction"}


def test_infinities_and_new_categories_are_reported(tmp_path: Path) -> None:
    current = make_frame(200, seed=1).assign(vendor=pd.Series("new", index=range(200), dtype="str"))
    current.loc[:4, "distance"] = np.inf
    assert "ValueDrift" in types(render(make_config(), current, make_frame(1500), tmp_path))


@pytest.mark.parametrize("rows", [1, 2, 12, 29])
def test_few_rows_are_reported_without_drift(rows: int, tmp_path: Path) -> None:
    found = types(render(make_config(), make_frame(rows, seed=1), make_frame(1500), tmp_path))
    assert "RowCount" in found
    assert "ValueDrift" not in found


def test_one_class_is_reported(tmp_path: Path) -> None:
    current = make_binary_frame(200, seed=1)
    current["late"] = current["prediction"] = pd.Series("0", index=current.index, dtype="str")
    assert {"RowCount", "ValueDrift"} <= types(render(make_binary_config(), current, make_binary_frame(1500), tmp_path))


def test_nothing_to_report_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(MeasureError, match="trips: the window has no rows"):
        render_report(make_config(), make_frame(100).head(0), make_frame(1500), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_window_that_is_compared_with_nothing_is_summed_up(tmp_path: Path) -> None:
    found = types(render(make_config(), make_frame(100), make_frame(1500).head(0), tmp_path))
    assert "RowCount" in found
    assert "ValueDrift" not in found


def test_a_second_report_replaces_the_first(tmp_path: Path) -> None:
    first = render(make_config(), make_frame(200, seed=1), make_frame(1500), tmp_path)
    second = render(make_config(), make_frame(100, seed=1), make_frame(1500), tmp_path)
    rows = [next(item["value"] for item in metrics if item["config"]["type"].endswith(":RowCount")) for metrics in (first, second)]
    assert rows == [200, 100]


def test_the_frames_are_left_alone(tmp_path: Path) -> None:
    current, reference = make_binary_frame(200, seed=1), make_binary_frame(1500)
    before = current.copy(), reference.copy()
    render(make_binary_config(), current, reference, tmp_path)
    pd.testing.assert_frame_equal(current, before[0])
    pd.testing.assert_frame_equal(reference, before[1])


def test_telemetry_is_off_once_the_module_is_imported() -> None:
    code = "import os; os.environ.pop('DO_NOT_TRACK', None); import driftgate.report.evidently_report; print(os.environ['DO_NOT_TRACK'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert done.stdout.strip() == "1"
