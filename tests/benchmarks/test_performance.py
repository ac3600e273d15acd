"""The benchmark's harness: goals are judged by medians, a section that fails is told loudly, and the page says what was measured how."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from benchmarks.performance import __main__ as bench
from benchmarks.performance import machine, page, results, scores, sections, window
from benchmarks.performance.course_script import CourseScript
from benchmarks.performance.goals import GOALS, judge
from benchmarks.performance.results import Outcome, spread
from benchmarks.performance.sections import SECTIONS, Section, as_rows

ROW_GOAL = GOALS[0]
TASKS = {
    "ingest": {"gap_s": 0.1, "queue_s": 0.1, "own_s": 0.5, "begins_s": 0.2},
    "gate": {"gap_s": 0.2, "queue_s": 0.1, "own_s": 0.4, "begins_s": 1.0},
}


def measured(row_s: list[float], **more: Any) -> Outcome:
    times = {"row_s": row_s, "run_s": [7.0], "cpu_s": [3.0], "warm_up": 2, "tasks": TASKS}
    idle = {"what": window.IDLE, "memory_mb": 1024.0, "core_share": 0.2}
    slow = {"what": window.DEFAULTS, **times, "row_s": [20.0]}
    return Outcome("window", [{"what": window.OURS, **times}, slow, idle], **more)


@pytest.mark.parametrize(
    ("row_s", "verdict", "words"),
    [
        ([3.0, 2.0, 9.0], "met", "3.00 (2.00 to 9.00, n=3) s, 75% of the limit"),
        ([4.0], "met", "100% of the limit"),
        ([5.0, 6.0], "MISSED", "by 1.50 s (1.4 times the limit)"),
        ([], "NOT MEASURED", "no such figure"),
    ],
)
def test_a_goal_is_judged_by_the_median_and_says_by_how_much(row_s: list[float], verdict: str, words: str) -> None:
    found = judge(ROW_GOAL, {"window": measured(row_s)})
    assert (found.verdict, words in found.figure) == (verdict, True)


def test_a_goal_stands_beside_what_plain_ways_take() -> None:
    assert judge(ROW_GOAL, {"window": measured([3.0])}).beside == "Airflow with defaults: 20.0 s"


def test_a_section_that_was_not_measured_is_no_success() -> None:
    for outcomes in ({}, {"window": Outcome("window", problem="it broke")}):
        assert judge(ROW_GOAL, outcomes).verdict == "NOT MEASURED"


def test_a_smoke_run_says_nothing_about_sizes_that_it_did_not_try() -> None:
    goal = next(item for item in GOALS if item.section == "backfill")
    outcome = Outcome("backfill", [{"what": "10 days", "seconds": 5.0}], quick=True)
    assert judge(goal, {"backfill": outcome}).verdict == "smoke run"


@pytest.mark.parametrize(
    ("code", "limit_s", "rows", "problem"),
    [
        ('print(\'noise\'); print(\'ROW {"what": "x", "a_s": [1.0]}\')', 60, [{"what": "x", "a_s": [1.0]}], None),
        ('print(\'ROW {"what": "x"}\', flush=True); import time; time.sleep(60)', 4, [{"what": "x"}], "not done after"),
        ("raise RuntimeError('it broke')", 60, [], "RuntimeError: it broke"),
        ("print('nothing')", 60, [], "nothing"),
        ("import time; time.sleep(60)", 0.2, [], "not done after"),
    ],
    ids=["well", "cut off", "fails", "silent", "too long"],
)
def test_a_section_that_fails_ends_no_other(
    monkeypatch: pytest.MonkeyPatch, code: str, limit_s: float, rows: list[Any], problem: str | None
) -> None:
    real = bench.subprocess.Popen
    monkeypatch.setattr(bench.subprocess, "Popen", lambda _, **options: real([sys.executable, "-c", code], **options))
    found, said = bench._run("window", True, limit_s)
    assert found == rows
    assert (said is None) if problem is None else (said is not None and problem in said)


def test_the_goals_of_a_big_batch_are_ratios_per_size_and_the_largest_memory() -> None:
    sizes = [
        {"what": "1", "columns_few": 2.0, "scan_few": 1.0, "peak_mib": 512},
        {"what": "2", "columns_few": 8.0, "scan_few": 2.0, "peak_mib": 1024},
    ]
    figures = [judge(goal, {"big": Outcome("big", sizes)}).figure for goal in GOALS if goal.section == "big"]
    assert figures == ["3.00 (2.00 to 4.00, n=2) x, 100% of the limit", "the section gave no such figure", "1.00 GiB, 50% of the limit"]


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_benchmark"):
        list(Section("x", "benchmarks.no_such_benchmark", lambda quick: (), 1).run(quick=True))


def test_other_modules_give_one_row_or_several() -> None:
    assert list(as_rows({"seconds": 1})) == [{"what": "figure 1", "seconds": 1}]
    assert [row["what"] for row in as_rows([{"what": "a"}, {"x": 1}, {"rows": 1000}])] == ["a", "figure 2", "1,000 rows"]


def test_the_page_says_what_is_missing_and_that_the_machine_was_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    days = {"day_s": [0.1, 0.2], "cpu_s": [0.1, 0.1], "first_day_s": 0.5}
    outcomes = {
        "window": measured([3.0, 3.2], load_before=5.0),
        "scores": Outcome("scores", [{"what": what, **days} for what in (scores.OURS, scores.FULL_REPORT)]),
        "many": Outcome("many", [{"what": "idle | stack", "monitors": 200, "core_share": 0.25}]),
        "big": Outcome("big", problem="ModuleNotFoundError: benchmarks.big_batch"),
    }
    page.write(outcomes, tmp_path / "performance.md")
    text = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert "**The machine had other work** before: A window in Airflow." in text
    assert "**Not measured**: ModuleNotFoundError: benchmarks.big_batch." in text
    assert "**Not measured**: this section was not run." in text
    assert "| idle / stack | 200 | 0.25 |" in text
    for figure in ("window", "run", "scores"):
        assert (tmp_path / "images" / f"performance-{figure}.svg").stat().st_size > 1000
        assert f"(images/performance-{figure}.svg)" in text


def test_results_are_kept_between_measuring_and_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    results.save(measured([3.0], seconds=12.0))
    assert results.load_all(list(SECTIONS)) == {"window": measured([3.0], seconds=12.0)}
    assert spread([]) == "not measured"


def test_all_sections_together_fit_into_the_time_that_a_person_waits() -> None:
    """A limit per section, so that one that hangs cannot take the whole run; the usual run is far below their sum."""
    assert set(SECTIONS) == {"window", "scores", "big", "backfill", "many"}
    assert all(0 < section.minutes < 10 for section in sections.SECTIONS.values())


def test_the_script_of_the_source_documents_writes_its_three_numbers(postgres_uri: str) -> None:
    """Evidently's own columns of drift, counted by hand: the prediction and one feature are moved far away, a sixth of all values is missing."""
    import psycopg2

    usual = pd.DataFrame({"a": [float(number) for number in range(200)], "c": ["x", "y"] * 100, "prediction": [1.0, 2.0] * 100})
    moved = usual.assign(a=usual["a"] + 1000, prediction=usual["prediction"] + 50)
    moved.loc[moved.index % 4 < 2, "c"] = None  # as many x as y
    connection = psycopg2.connect(postgres_uri.replace("postgresql+psycopg2://", "postgresql://", 1))
    script = CourseScript(connection, usual, ["a"], ["c"])
    drift, columns, missing = script.day(pd.Timestamp("2022-02-01"), moved)
    with connection.cursor() as cursor:
        cursor.execute("select num_drifted_columns, share_missing_values from dummy_metrics")
        kept = cursor.fetchall()
        cursor.execute("drop table dummy_metrics")
    connection.close()
    assert drift < 0.05  # with so few reference rows Evidently's score is a p-value
    assert kept == [(columns, missing)] == [(2, 100 / 600)]
