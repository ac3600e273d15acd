"""Estimators as files: they come back the same, and nothing in the files is run."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import skops.io

from driftgate.config.models import MonitorConfig
from driftgate.errors import MeasureError
from driftgate.estimate.estimator import Estimator, estimate, fit
from driftgate.estimate.estimator_files import NUMBERS_FILE, TREES_FILE, from_files, to_files
from factories import make_config


class Trap:
    """Its construction from a file would run a call."""

    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("trapped"),))


def test_a_regression_estimator_comes_back_the_same(
    config: MonitorConfig, estimator: Estimator, make_trips: Callable, tmp_path: Path
) -> None:
    assert to_files(estimator, tmp_path) == [tmp_path / NUMBERS_FILE, tmp_path / TREES_FILE]
    again = from_files(tmp_path)
    frame, _ = make_trips(1, 1, 300)
    assert estimate(config, again, frame) == estimate(config, estimator, frame)
    assert (again.spreads, again.reference, again.rows) == (estimator.spreads, estimator.reference, estimator.rows)


def test_a_binary_estimator_is_numbers_only(
    binary_config: MonitorConfig, binary_estimator: Estimator, make_late_trips: Callable, tmp_path: Path
) -> None:
    assert to_files(binary_estimator, tmp_path) == [tmp_path / NUMBERS_FILE]
    assert from_files(tmp_path) == binary_estimator
    frame, _ = make_late_trips(1, 1, 300)
    assert estimate(binary_config, from_files(tmp_path), frame) == estimate(binary_config, binary_estimator, frame)


def test_the_reason_of_an_estimator_that_cannot_is_kept(make_trips: Callable, tmp_path: Path) -> None:
    unable = fit(make_config(task="multiclass"), *make_trips(0, 5, 50))
    to_files(unable, tmp_path)
    assert from_files(tmp_path) == unable


def test_the_same_estimator_writes_the_same_numbers(estimator: Estimator, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        to_files(estimator, tmp_path / name)
    assert (tmp_path / "a" / NUMBERS_FILE).read_bytes() == (tmp_path / "b" / NUMBERS_FILE).read_bytes()


def test_types_that_are_not_trusted_are_refused(estimator: Estimator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    to_files(estimator, tmp_path)
    (tmp_path / TREES_FILE).write_bytes(skops.io.dumps([Trap(), Trap()]))
    with pytest.raises(MeasureError, match=r"cannot be read \(UntrustedTypesFoundException.*train a new version"):
        from_files(tmp_path)
    (tmp_path / TREES_FILE).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(MeasureError, match="cannot be read"):
        from_files(tmp_path)
    assert not (tmp_path / "trapped").exists()


def test_files_that_are_missing_damaged_or_of_another_format_are_refused(estimator: Estimator, tmp_path: Path) -> None:
    with pytest.raises(MeasureError, match="FileNotFoundError"):
        from_files(tmp_path)
    to_files(estimator, tmp_path)
    content = (tmp_path / NUMBERS_FILE).read_text()
    for damaged, problem in (
        (content[:50], "JSONDecodeError"),
        ("[]", "TypeError"),
        (json.dumps({**json.loads(content), "format": 2}), "format 2"),
    ):
        (tmp_path / NUMBERS_FILE).write_text(damaged)
        with pytest.raises(MeasureError, match=problem):
            from_files(tmp_path)
