"""Batches become training and held-out rows, cut by time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftgate.errors import RetrainError
from driftgate.records import Batch, BatchStatus, to_dict
from driftgate.retrain.training_set import TrainingSet, build
from factories import make_config, make_frame, make_window


def make_batches(folder: Path, days: int, rows: int = 100, *, unlabelled: tuple[int, ...] = ()) -> list[Batch]:
    batches = []
    for day in range(days):
        frame = make_frame(rows, seed=day, day=day)
        if day in unlabelled:
            frame["duration"] = np.nan
        path = folder / f"{day}.parquet"
        frame.to_parquet(path, index=False)
        batches.append(Batch("trips", make_window(day), BatchStatus.MEASURED, rows=rows, content_hash=f"hash{day}", path=str(path)))
    return batches


def config(**retrain):
    return make_config(retrain={"minimum_rows": 20, **retrain})


@pytest.mark.parametrize(
    ("days", "share", "held_out"), [(10, 0.2, 2), (7, 0.2, 2), (10, 0.01, 1), (2, 0.9, 1), (3, 0.99, 2), (90, 0.2, 18)]
)
def test_the_latest_windows_are_held_out(tmp_path: Path, days: int, share: float, held_out: int) -> None:
    built = build(config(held_out=share), make_batches(tmp_path, days, 30), tmp_path / "set")
    assert (built.windows, built.held_out_windows) == (days, held_out)
    cut = make_window(days - held_out).start
    assert (pd.read_parquet(built.train_path)["ts"] < cut).all()
    assert (pd.read_parquet(built.held_out_path)["ts"] >= cut).all()
    assert (built.train_rows, built.held_out_rows) == (30 * (days - held_out), 30 * held_out)


def test_rows_are_sorted_by_time_whatever_the_order_of_the_batches(tmp_path: Path) -> None:
    batches = make_batches(tmp_path, 5)
    built = build(config(), batches[::-1], tmp_path / "set")
    assert pd.read_parquet(built.train_path)["ts"].is_monotonic_increasing
    assert built == build(config(), batches, tmp_path / "set")


def test_rows_and_windows_without_target_do_not_count(tmp_path: Path) -> None:
    batches = make_batches(tmp_path, 5, unlabelled=(3, 4))
    first = pd.read_parquet(batches[0].path)
    first.loc[:9, "duration"] = np.nan
    first.loc[10, "duration"] = np.inf
    first.to_parquet(batches[0].path, index=False)
    built = build(config(), batches, tmp_path / "set")
    assert (built.windows, built.train_rows, built.held_out_rows) == (3, 189, 100)
    assert built.last == make_window(2)


def test_old_predictions_are_not_kept(tmp_path: Path) -> None:
    built = build(config(), make_batches(tmp_path, 3), tmp_path / "set")
    assert "prediction" not in pd.read_parquet(built.train_path).columns


def test_too_few_rows_are_refused_with_the_numbers(tmp_path: Path) -> None:
    with pytest.raises(RetrainError, match=r"120 rows .* 4 windows \(30 more are held out\).*retrain.minimum_rows is 200"):
        build(config(minimum_rows=200), make_batches(tmp_path, 5, 30), tmp_path / "set")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("days", [0, 1])
def test_fewer_than_two_windows_are_refused(tmp_path: Path, days: int) -> None:
    with pytest.raises(RetrainError, match=f"{days} of {days} windows"):
        build(config(), make_batches(tmp_path, days), tmp_path / "set")


def test_a_batch_whose_file_is_gone_is_named(tmp_path: Path) -> None:
    batches = make_batches(tmp_path, 3)
    Path(str(batches[1].path)).unlink()
    with pytest.raises(RetrainError, match=r"2024-01-02.*reprocess"):
        build(config(), batches, tmp_path / "set")


def test_a_training_set_survives_being_json(tmp_path: Path) -> None:
    built = build(config(), make_batches(tmp_path, 3), tmp_path / "set")
    assert TrainingSet.from_dict(to_dict(built)) == built


def test_the_hash_follows_the_content(tmp_path: Path) -> None:
    batches = make_batches(tmp_path, 4)
    one = build(config(), batches, tmp_path / "set")
    assert build(config(), batches[:3], tmp_path / "set").content_hash != one.content_hash
    assert build(config(held_out=0.5), batches, tmp_path / "set").content_hash != one.content_hash
