"""Monitor files: what is accepted, and what a person reads when something is wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from driftgate.config.loader import find_monitor, load_monitor, load_monitors
from driftgate.errors import ConfigError

SMALLEST = """\
id: trips
task: regression
source:
  kind: files
  path: data/{window_start:%Y-%m-%d}.csv
columns:
  timestamp: ts
  target: duration
  numerical: [distance]
"""


def write(folder: Path, text: str, name: str = "trips.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_monitor(write(folder, text))
    return caught.value.problems


def test_ten_lines_are_enough_for_a_monitor(tmp_path: Path) -> None:
    config = load_monitor(write(tmp_path, SMALLEST)).config
    assert len(SMALLEST.splitlines()) <= 10
    assert config.monitor_dag_id == "monitor__trips"
    assert config.window.size == timedelta(days=1)
    assert config.retrain.approval == "human"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param("gaet: {suite: x}\n", ("trips.yaml:10: gaet:", "did you mean 'gate'"), id="unknown key"),
        pytest.param("decision: {consecutiv: 3}\n", ("decision.consecutiv", "did you mean 'consecutive'"), id="unknown nested key"),
        pytest.param("decision: {consecutive: many}\n", ("decision.consecutive", "'many' is not a whole number"), id="wrong type"),
        pytest.param("decision: {cooldown: 7 years}\n", ("decision.cooldown", "'7 years'", "for example 30m, 6h, 1d or 2w"), id="duration"),
        pytest.param("schedule: {timezone: Mars}\n", ("schedule.timezone", "'Mars' is not a time zone", "Europe/Berlin"), id="time zone"),
        pytest.param("schedule: {cron: daily}\n", ("schedule.cron", "five fields"), id="cron"),
        pytest.param(
            "schedule:\n  cron: 61 25 * * *\n", ("trips.yaml:11: schedule.cron: '61 25 * * *' is not a cron",), id="cron out of range"
        ),
        pytest.param("schedule: {cron: '@often'}\n", ("schedule.cron: '@often' is not a cron expression",), id="cron nickname"),
        pytest.param(
            "schedule:\n  cron: '@daily'\n  catchup: true\n",
            ("trips.yaml:12: schedule.catchup: needs 'start'", "catchup: false"),
            id="catchup without start",
        ),
        pytest.param(f"tags:\n  - short\n  - {'x' * 101}\n", ("trips.yaml:12: tags.1: has 101 characters; use 1 to 100",), id="long tag"),
        pytest.param("tags: ['']\n", ("tags.0: has 0 characters",), id="empty tag"),
        pytest.param("schedule: {start: soon}\n", ("schedule.start", "'soon'", "2013-01-01"), id="date"),
        pytest.param("retrain: {approval: maybe}\n", ("retrain.approval", "'auto' or 'human'"), id="choice"),
        pytest.param("retrain: {held_out: 3}\n", ("retrain.held_out", "less than 1"), id="range"),
        pytest.param("retrain: {metric: f1}\n", ("retrain.metric 'f1'", "task regression", "mae"), id="metric of another task"),
        pytest.param("retrain: {trainer: my trainer}\n", ("retrain.trainer", "module:function"), id="callable"),
        pytest.param("measures: 3\n", ("measures", "a section with keys"), id="section"),
        pytest.param("measures: {method_numerical: magic}\n", ("'magic' is not a drift method", "wasserstein"), id="drift method"),
        pytest.param("measures: {columns: {speed: {drift: false}}}\n", ("'speed'", "no role"), id="column without role"),
        pytest.param("decision: {rules: [{metric: mae}]}\n", ("exactly one of above, below",), id="rule without limit"),
        pytest.param("decision: {rules: [{metric: drift_score, above: 1}]}\n", ("needs 'column'",), id="rule without column"),
        pytest.param("decision: {rules: [{metric: speed, above: 1}]}\n", ("'speed' is unknown", "drift_share"), id="rule, unknown metric"),
        pytest.param("reference: {kind: window}\n", ("needs 'start' and 'end'",), id="reference window without dates"),
        pytest.param("model: {predictions: source}\n", ("reference: {kind: window",), id="own predictions, training reference"),
        pytest.param("id: again\n", ("trips.yaml:10", "key 'id' is written twice"), id="key twice"),
        pytest.param("tags: [a\n", ("trips.yaml:", "correct the indentation or quoting"), id="broken YAML"),
    ],
)
def test_a_problem_names_file_key_value_and_remedy(tmp_path: Path, change: str, expected: tuple[str, ...]) -> None:
    text = "\n".join(problems(tmp_path, SMALLEST + change))
    for part in expected:
        assert part in text


def test_every_problem_of_a_file_is_reported_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, SMALLEST + "gaet: 1\nwindow: {size: soon}\nschedule: {timezone: Mars}\n")) == 3


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{path: a.csv}", "source.kind: is required"),
        ("{kind: filez, path: a.csv}", "source.kind: 'filez' is not allowed"),
        ("{kind: files, path: a.csv, pth: b}", "source.pth: is not a key here; did you mean 'path'?"),
        ("{kind: sql, query: SELECT 1, connection: db}", "does not use :window_start and :window_end"),
        ("{kind: sql, query: 'SELECT :window_start, :window_end'}", "exactly one of 'connection'"),
    ],
)
def test_a_source_is_checked_by_its_kind(tmp_path: Path, source: str, expected: str) -> None:
    text = SMALLEST.replace("\n  kind: files\n  path: data/{window_start:%Y-%m-%d}.csv", f" {source}")
    assert expected in "\n".join(problems(tmp_path, text))


def test_the_id_must_be_the_file_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"other.yaml:1: id: 'trips' differs from the file name; write id: other"):
        load_monitor(write(tmp_path, SMALLEST, "other.yaml"))


def test_a_column_has_one_role_only(tmp_path: Path) -> None:
    assert "'distance' has more than one role" in problems(tmp_path, SMALLEST.replace("target: duration", "target: distance"))[0]


def test_a_broken_file_does_not_hide_the_others(tmp_path: Path) -> None:
    write(tmp_path, SMALLEST)
    broken = write(tmp_path, "id: broken\ntask: guess\n", "broken.yaml")
    write(tmp_path, "not even yaml: [", "_draft.yaml")
    found = load_monitors(tmp_path)
    assert set(found.monitors) == {"trips"}
    assert set(found.errors) == {broken}


def test_an_unknown_monitor_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    write(tmp_path, SMALLEST)
    with pytest.raises(ConfigError, match=r"there is no monitor 'trip'; did you mean 'trips'\? monitors here: trips"):
        find_monitor(tmp_path, "trip")


def test_the_template_is_a_valid_monitor_once_renamed(tmp_path: Path, project_root: Path) -> None:
    text = (project_root / "include" / "monitors" / "_template.yaml").read_text(encoding="utf-8")
    assert load_monitor(write(tmp_path, text, "my_model.yaml")).config.id == "my_model"


def test_every_key_of_the_template_exists(tmp_path: Path, project_root: Path) -> None:
    """Uncomment the optional sections: a key that was renamed in the code fails here."""
    lines = (project_root / "include" / "monitors" / "_template.yaml").read_text(encoding="utf-8").splitlines()
    head = [f"{line}\n  id: [trip]" if line.startswith("columns:") else line for line in lines if not line.startswith("#")]  # for labels
    optional = [line.removeprefix("# ") for line in lines[lines.index(next(line for line in lines if line.startswith("# schedule:"))) :]]
    text = "\n".join([*head, *(line if line != "#" else "" for line in optional)])
    config = load_monitor(write(tmp_path, text, "my_model.yaml")).config
    assert config.measures.columns["x1"].method == "ks"
    shown, default = config.rules, load_monitor(write(tmp_path, "\n".join(head), "my_model.yaml")).config.rules
    assert shown == default, "the template shows the rules that hold without any"
