"""A prepared reference gives the numbers of its rows: in memory, from its file, and as a part of a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftgate.config.models import MonitorConfig
from driftgate.measure import prepared_files
from driftgate.measure.calibratable import calibratable_metrics
from driftgate.measure.measures import measure_batch
from driftgate.measure.prepared import PreparedReference
from driftgate.measure.prepared_files import read_prepared, write_prepared
from driftgate.measure.reference_parts import IndexedReference
from driftgate.measure.window_rows import FrameRows
from driftgate.records import Measures, Metric
from factories import make_binary_config, make_binary_frame, make_config, make_frame, make_window

REGRESSION: dict[str, Any] = {
    "measures": {"multivariate": "pca", "minimum_segment_rows": 20},
    "kpis": [{"name": "late_share", "expression": "share(duration > prediction)"}],
    "fairness": {"columns": ["vendor"]},
}


def with_segments(config: MonitorConfig) -> MonitorConfig:
    return config.model_copy(update={"columns": config.columns.model_copy(update={"segments": ["vendor"]})})


def soiled(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    frame.loc[frame.index[3:9], "distance"] = [np.nan, np.nan, np.inf, -np.inf, -np.inf, 1e9]
    frame.loc[frame.index[5:8], "vendor"] = [None, 'q"u\\ote', "日本"]
    return frame


def no_rows() -> pd.DataFrame:
    raise AssertionError("the reference's rows are not needed")


def measured(config: MonitorConfig, current: pd.DataFrame, reference: pd.DataFrame | PreparedReference) -> Measures:
    return measure_batch(config, current, reference, window=make_window(), model_version="1", reference_performance={"mae": 1.0})


@pytest.fixture(params=["regression", "binary", "labels"])
def case(request: pytest.FixtureRequest) -> tuple[MonitorConfig, pd.DataFrame, pd.DataFrame]:
    """Configuration, rows of a window, rows of a reference."""
    if request.param == "regression":
        return with_segments(make_config(**REGRESSION)), soiled(make_frame(200, seed=1)), soiled(make_frame(1500, seed=2))
    config = make_binary_config(fairness={"columns": ["vendor"]})
    if request.param == "labels":
        config = config.model_copy(update={"columns": config.columns.model_copy(update={"prediction_proba": None})})
    return with_segments(config), soiled(make_binary_frame(200, seed=1)), soiled(make_binary_frame(900, seed=2))


def test_what_was_kept_measures_as_the_rows_do(case: tuple[MonitorConfig, pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    config, current, reference = case
    path = tmp_path / "v1.prepared.npz"
    write_prepared(PreparedReference(config, lambda: reference), "run 1", path)
    kept = read_prepared(config, "run 1", path, no_rows)
    assert kept is not None
    assert measured(config, current, kept) == measured(config, current, reference)
    assert measured(config, current, kept) == measured(config, FrameRows(current), kept)  # type: ignore[arg-type]
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_a_file_that_does_not_fit_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, path = make_config(), tmp_path / "v1.prepared.npz"
    assert read_prepared(config, "run 1", path, no_rows) is None
    write_prepared(PreparedReference(config, lambda: make_frame(100)), "run 1", path)
    assert read_prepared(config, "run 1", path, no_rows) is not None
    assert read_prepared(config, "run 2", path, no_rows) is None, "other rows"
    assert read_prepared(make_config(measures={"multivariate": "pca"}), "run 1", path, no_rows) is None, "other settings"
    monkeypatch.setattr(prepared_files, "FORMAT", prepared_files.FORMAT + 1)
    assert read_prepared(config, "run 1", path, no_rows) is None, "another format"


@pytest.mark.parametrize("damage", ["empty", "half", "flipped", "other", "no note"])
def test_a_damaged_file_is_not_used(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config, path = make_config(), tmp_path / "v1.prepared.npz"
    write_prepared(PreparedReference(config, lambda: make_frame(100)), "run 1", path)
    content = path.read_bytes()
    middle = content.index(b"\x93NUMPY") + 200
    damaged = {
        "empty": b"",
        "half": content[: len(content) // 2],
        "flipped": content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :],
        "other": b"PK not an archive",
    }
    if damage == "no note":
        np.savez(path, something=np.ones(3))
    else:
        path.write_bytes(damaged[damage])
    assert read_prepared(config, "run 1", path, no_rows) is None
    assert "is made anew" in caplog.text


def test_the_settings_of_a_file_are_those_that_its_numbers_depend_on() -> None:
    def of(**sections: Any) -> str:
        return prepared_files.settings_hash(make_config(**sections))

    assert of() == of(decision={"consecutive": 3}) == of(schedule={"timezone": "Europe/Berlin"})
    assert len({of(), of(measures={"multivariate": "pca"}), of(fairness={"columns": ["vendor"]}), of(kpis=REGRESSION["kpis"])}) == 4


# --- parts ------------------------------------------------------------------------------------------------------------


def values(metrics: list[Metric]) -> dict[tuple[str, str, str, str], Any]:
    return {item.address: (item.value, item.reference_value, item.verdict, item.method, item.threshold) for item in metrics}


@pytest.mark.parametrize("share", [0.02, 0.4, 0.9, 1.0])
def test_a_part_is_the_reference_of_its_rows(case: tuple[MonitorConfig, pd.DataFrame, pd.DataFrame], share: float) -> None:
    config, current, reference = case
    whole = IndexedReference(config, reference)
    kept = np.random.default_rng(3).random(len(reference)) < share
    part = whole.part(kept)
    found, expected = (values(calibratable_metrics(config, current, usual)) for usual in (part, reference[kept]))
    assert found.keys() == expected.keys()
    for address, numbers in found.items():
        close = 1e-6 if "multivariate_drift" in address else 1e-9  # a value of 1e9 times the rounding of directions
        for own, other in zip(numbers, expected[address], strict=True):
            assert own == (pytest.approx(other, rel=close, abs=1e-12) if isinstance(other, float) else other), address
    assert part.rows == int(kept.sum())
    pd.testing.assert_frame_equal(part.frame, reference[kept].reset_index(drop=True))


def test_a_part_without_rows_judges_nothing() -> None:
    config, reference = make_config(), make_frame(100)
    nothing = IndexedReference(config, reference).part(np.zeros(100, dtype=bool))
    found = [item for item in calibratable_metrics(config, make_frame(50, seed=1), nothing) if item.metric == "drift_score"]
    assert found
    assert {item.verdict.value for item in found if item.verdict is not None} == {"too_few_rows"}


def test_the_note_in_a_file_is_json(tmp_path: Path) -> None:
    write_prepared(PreparedReference(make_config(), lambda: soiled(make_frame(50))), "run 1", tmp_path / "one.npz")
    with np.load(tmp_path / "one.npz", allow_pickle=False) as archive:
        note = json.loads(archive["note"].tobytes())
    assert (note["format"], note["identity"], note["rows"]) == (prepared_files.FORMAT, "run 1", 50)
