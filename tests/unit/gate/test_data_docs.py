"""Data Docs: pages, the index, and that a window costs the same however many windows there are."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from driftgate.config.models import MonitorConfig
from driftgate.errors import GateError
from driftgate.gate import docs_state
from driftgate.gate.checkpoint import run_gate
from driftgate.gate.data_docs import rebuild_docs
from driftgate.gate.docs_pages import without_markup
from driftgate.records import GateResult, Window
from driftgate.settings import Settings
from factories import DAY, make_config, make_frame, make_window

MakeSuite = Callable[..., Path]


def gate(
    settings: Settings, *, day: int = 0, rows: int = 100, config: MonitorConfig | None = None, window: Window | None = None
) -> GateResult:
    config = config or make_config(gate={"suite": "trips"})
    return run_gate(config, window or make_window(day), make_frame(rows, day=day), settings)


def shown(settings: Settings, page: str = "index.html", table: str = "results") -> list[dict[str, object]]:
    """Rows of a table as the browser gets them."""
    html = (settings.data_docs_dir / page).read_text()
    found = re.search(rf'<script type="application/json" id="{table}-rows">(.*?)</script>', html, re.DOTALL)
    assert found, f"{page} has no table {table}"
    rows: list[dict[str, object]] = json.loads(found[1])
    return rows


def pages(settings: Settings) -> list[str]:
    return sorted(path.relative_to(settings.data_docs_dir).as_posix() for path in (settings.data_docs_dir / "validations").rglob("*.html"))


def everything(settings: Settings) -> dict[str, str]:
    """Everything that the index is made of: its tables in all pages."""
    files = [settings.data_docs_dir / "index.html", *(settings.data_docs_dir / "results").rglob("*.html")]
    root = settings.data_docs_dir
    return {
        path.relative_to(root).as_posix(): "".join(re.findall(r'<script type="application/json".*?</script>', path.read_text(), re.DOTALL))
        for path in files
    }


# --- one window -------------------------------------------------------------------------------------------------------


def test_a_window_has_a_page_and_is_listed(suite: MakeSuite, gate_settings: Settings) -> None:
    suite()
    result = gate(gate_settings)
    assert result.data_docs == f"validations/trips/trips-{make_window().key}/20240101T000000.000000Z/trips-batch.html"
    assert "values must belong to this set" in (gate_settings.data_docs_dir / result.data_docs).read_text()
    (row,) = shown(gate_settings)
    assert (row["page"], row["verdict"], row["label"], row["failures"]) == (result.data_docs, "pass", "2024-01-01", "0 of 4")
    assert shown(gate_settings, "results/trips/2024-01.html") == [row]
    assert (gate_settings.data_docs_dir / str(row["suite_page"])).is_file()


def test_the_page_names_the_batch_and_leads_home(suite: MakeSuite, gate_settings: Settings) -> None:
    suite()
    page = gate_settings.data_docs_dir / str(gate(gate_settings).data_docs)
    text = page.read_text()
    assert re.search(r"Data asset:\s*trips, 2024-01-01", text)
    assert "None" not in text.split("Status:")[0].split("Overview")[-1]
    homes = re.findall(r'href="([./]*index\.html)"', text)
    assert len(homes) == 2
    assert {(page.parent / home).resolve() for home in homes} == {gate_settings.data_docs_dir / "index.html"}


def test_the_pages_of_the_index_lead_to_each_other(suite: MakeSuite, gate_settings: Settings) -> None:
    suite()
    gate(gate_settings)
    root = gate_settings.data_docs_dir
    month = root / "results" / "trips" / "2024-01.html"
    assert {(month.parent / link).resolve() for link in re.findall(r'href="([./]*index\.html)"', month.read_text())} == {
        root / "index.html",
        root / "results" / "trips" / "index.html",
    }
    assert 'data-root="../../"' in month.read_text()
    assert (month.parent / re.findall(r'href="([^"]*favicon.ico)"', month.read_text())[0]).resolve().is_file()
    for table, page in (("monitors", "index.html"), ("periods", "results/trips/index.html"), ("suites", "index.html")):
        assert [(root / str(row["page"])).is_file() for row in shown(gate_settings, page, table)] == [True]


def test_the_window_is_named_in_the_time_zone_of_its_monitor(suite: MakeSuite, gate_settings: Settings) -> None:
    suite()
    config = make_config(gate={"suite": "trips"}, schedule={"cron": "0 0 * * *", "timezone": "Europe/Berlin"})
    start = DAY + timedelta(days=31, hours=-1)
    gate(gate_settings, config=config, window=Window(start, start + timedelta(days=1)))
    assert [row["label"] for row in shown(gate_settings, "results/trips/2024-02.html")] == ["2024-02-01"]


def test_windows_below_an_hour_are_listed_by_day(suite: MakeSuite, gate_settings: Settings) -> None:
    suite()
    for minutes in (0, 5, 24 * 60):
        start = DAY + timedelta(minutes=minutes)
        gate(gate_settings, window=Window(start, start + timedelta(minutes=5)))
    periods = shown(gate_settings, "results/trips/index.html", "periods")
    assert [(row["name"], row["windows"]) for row in periods] == [("2024-01-01", 2), ("2024-01-02", 1)]
    assert len(shown(gate_settings, "results/trips/2024-01-01.html")) == 2


def test_the_same_window_again_replaces_its_page_and_its_entry(suite: MakeSuite, gate_settings: Settings) -> None:
    suite()
    first = gate(gate_settings, rows=10)
    assert [row["verdict"] for row in shown(gate_settings)] == ["fail"]
    second = gate(gate_settings)
    assert first.data_docs == second.data_docs
    assert pages(gate_settings) == [second.data_docs]
    assert "Failed" not in (gate_settings.data_docs_dir / str(second.data_docs)).read_text().split("Status")[1][:200]
    assert [row["verdict"] for row in shown(gate_settings)] == ["pass"]
    assert [(row["windows"], row["fail"]) for row in shown(gate_settings, "results/trips/index.html", "periods")] == [(1, 0)]
    gate(gate_settings, day=1)
    assert len(pages(gate_settings)) == len(shown(gate_settings)) == 2


def test_another_suite_for_the_same_window_replaces_the_entry_and_keeps_the_old_page(suite: MakeSuite, gate_settings: Settings) -> None:
    suite()
    suite(name="stricter")
    old = gate(gate_settings)
    new = gate(gate_settings, config=make_config(gate={"suite": "stricter"}))
    assert [row["page"] for row in shown(gate_settings)] == [new.data_docs]
    assert pages(gate_settings) == sorted([str(old.data_docs), str(new.data_docs)])
    assert rebuild_docs(gate_settings) == 1
    assert [row["page"] for row in shown(gate_settings)] == [new.data_docs]


def test_without_docs_no_page_is_written(suite: MakeSuite, gate_settings: Settings) -> None:
    suite()
    config = make_config(gate={"suite": "trips"})
    assert run_gate(config, make_window(), make_frame(100), gate_settings, build_docs=False).data_docs is None
    assert not gate_settings.data_docs_dir.exists()


def test_an_expectation_that_cannot_be_evaluated_has_a_page_too(suite: MakeSuite, gate_settings: Settings) -> None:
    from expectations import expectation

    suite(expectation("expect_column_values_to_not_be_null", column="gone"))
    page = gate_settings.data_docs_dir / str(gate(gate_settings).data_docs)
    assert "gone" in page.read_text()


def test_a_page_that_cannot_be_written_says_where(suite: MakeSuite, gate_settings: Settings) -> None:
    suite()
    gate_settings.data_docs_dir.parent.mkdir(parents=True)
    gate_settings.data_docs_dir.write_text("in the way")
    with pytest.raises(GateError, match=r"monitor trips, window .*data_docs/validations/.* cannot be written"):
        gate(gate_settings)


# --- suites -----------------------------------------------------------------------------------------------------------


def test_every_suite_has_a_page_that_is_drawn_again_only_when_it_changes(suite: MakeSuite, gate_settings: Settings) -> None:
    suite(name="other.nested")
    path = suite()
    gate(gate_settings)
    files = [gate_settings.data_docs_dir / "expectations" / name for name in ("other/nested.html", "trips.html")]
    assert [row["page"] for row in shown(gate_settings, table="suites")] == ["expectations/other/nested.html", "expectations/trips.html"]
    drawn = [file.stat().st_mtime_ns for file in files]
    gate(gate_settings, day=1)
    assert [file.stat().st_mtime_ns for file in files] == drawn
    path.write_text(path.read_text().replace("500", "501"))
    gate(gate_settings, day=2)
    assert [file.stat().st_mtime_ns == before for file, before in zip(files, drawn, strict=True)] == [True, False]


def test_a_broken_other_suite_does_not_disturb(suite: MakeSuite, gate_settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    suite(name="other").write_text("{")
    suite()
    gate(gate_settings)
    assert "left out of the data docs" in caplog.text
    assert [row["name"] for row in shown(gate_settings, table="suites")] == ["trips"]


def test_markup_in_names_and_values_stays_text(suite: MakeSuite, gate_settings: Settings) -> None:
    from expectations import expectation

    markup = "<img src=x onerror=alert(1)>"
    suite(
        expectation("expect_column_values_to_be_in_set", column="vendor", value_set=["a", markup]),
        expectation("expect_column_most_common_value_to_be_in_set", column="vendor", value_set=["a"]),
        expectation("expect_column_values_to_not_be_null", column=markup),
        expectation("expect_column_values_to_not_be_null", column=f"gone {markup}"),
        expectation("expect_compound_columns_to_be_unique", column_list=["vendor", markup]),
    )
    frame = make_frame(60).assign(**{"vendor": f"{markup}&lt;b>", markup: 5.0})
    result = run_gate(make_config(gate={"suite": "trips"}), make_window(), frame, gate_settings)
    for page in (str(result.data_docs), "expectations/trips.html"):
        text = (gate_settings.data_docs_dir / page).read_text()
        assert "img src=x" in text, page
        assert "<img src=x" not in text, page
    shown_values = (gate_settings.data_docs_dir / str(result.data_docs)).read_text()
    assert "['<\u2060img src=x onerror=alert(1)>&\u2060lt;b>']" in shown_values


def test_ordinary_texts_are_shown_as_they_are() -> None:
    value = {"a < b": ["1 <2", "R&D", "x & y", 5, None, True]}
    assert without_markup(value) == {"a < b": ["1 <2", "R&\u2060D", "x & y", 5, None, True]}


# --- many windows, several processes ----------------------------------------------------------------------------------


def _one_day(settings: Settings, day: int) -> str | None:
    return gate(settings, day=day).data_docs


def test_processes_side_by_side_lose_nothing(suite: MakeSuite, gate_settings: Settings) -> None:
    suite()
    days = [0, 1, 2, 3, 1, 0]
    with ProcessPoolExecutor(3) as pool:
        found = list(pool.map(_one_day, [gate_settings] * len(days), days))
    assert sorted(str(row["page"]) for row in shown(gate_settings)) == sorted(set(map(str, found))) == pages(gate_settings)
    assert len(shown(gate_settings, "results/trips/2024-01.html")) == 4


def test_the_first_page_lists_the_latest_and_the_months_all(
    suite: MakeSuite, gate_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docs_state, "LATEST", 3)
    suite()
    other = make_config(id="other", gate={"suite": "trips"})
    for day in (40, 0, 1):
        gate(gate_settings, day=day)
    gate(gate_settings, day=0, config=other)
    assert [(row["monitor"], row["label"]) for row in shown(gate_settings)] == [
        ("other", "2024-01-01"),
        ("trips", "2024-01-02"),
        ("trips", "2024-01-01"),
    ]
    assert sorted((row["name"], row["windows"], row["last"]) for row in shown(gate_settings, table="monitors")) == [
        ("other", 1, "2024-01-01"),
        ("trips", 3, "2024-02-10"),
    ]
    months = shown(gate_settings, "results/trips/index.html", "periods")
    assert [(row["name"], row["windows"]) for row in months] == [("2024-01", 2), ("2024-02", 1)]


# --- losing the state -------------------------------------------------------------------------------------------------


@pytest.fixture
def three_days(suite: MakeSuite, gate_settings: Settings) -> Settings:
    """Three windows in two months, of a monitor that has a file."""
    suite()
    config = make_config(gate={"suite": "trips", "on_failure": "warn"})
    (gate_settings.monitors_dir / "trips.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_unset=True)))
    for day, rows in ((30, 100), (0, 10), (31, 100)):
        gate(gate_settings, day=day, rows=rows, config=config)
    return gate_settings


def test_rebuilding_makes_the_same_index(three_days: Settings) -> None:
    before = everything(three_days)
    assert [row["verdict"] for row in shown(three_days, "results/trips/2024-01.html")] == ["warn", "pass"]
    calls: list[tuple[int, int]] = []
    assert rebuild_docs(three_days, lambda done, total: calls.append((done, total))) == 3
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert everything(three_days) == before


def test_rebuilding_brings_back_pages_that_are_gone(three_days: Settings) -> None:
    import shutil

    before, known = everything(three_days), pages(three_days)
    texts = [(three_days.data_docs_dir / page).read_text() for page in known]
    shutil.rmtree(three_days.data_docs_dir)
    rebuild_docs(three_days)
    assert (everything(three_days), pages(three_days)) == (before, known)
    varying = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\?d=[^\"]*")
    assert [varying.sub("", (three_days.data_docs_dir / page).read_text()) for page in known] == [varying.sub("", text) for text in texts]
    assert (three_days.data_docs_dir / "static" / "images" / "logo-long.png").is_file()


@pytest.mark.parametrize("lost", ["site.json", "trips/periods.json", "trips/2024-01.json"])
@pytest.mark.parametrize(
    "content", [None, '{"cut', '{"2024-01": {}, "version": 1}', "[]"], ids=["gone", "cut off", "other form", "no object"]
)
def test_a_lost_state_is_made_anew_by_the_next_window(three_days: Settings, lost: str, content: str | None) -> None:
    path = three_days.data_docs_dir.parent / "docs_index" / lost
    assert path.is_file()
    path.unlink() if content is None else path.write_text(content)
    gate(three_days, day=1)
    assert [row["label"] for row in shown(three_days, "results/trips/2024-01.html")] == ["2024-01-01", "2024-01-02", "2024-01-31"]
    assert len(shown(three_days)) == 4


def test_a_window_that_died_between_two_files_is_not_lost(three_days: Settings) -> None:
    state = three_days.data_docs_dir.parent / "docs_index"
    kept = {path: path.read_text() for path in (state / "site.json", state / "trips" / "periods.json")}
    gate(three_days, day=60)
    for path, content in kept.items():  # only the month's own file was written
        path.write_text(content)
    gate(three_days, day=61)
    assert [row["label"] for row in shown(three_days, "results/trips/2024-03.html")] == ["2024-03-01", "2024-03-02"]
    assert shown(three_days, table="monitors")[0]["windows"] == 5


def test_a_site_of_an_earlier_version_keeps_its_pages_in_the_index(three_days: Settings) -> None:
    import shutil

    shutil.rmtree(three_days.data_docs_dir.parent / "docs_index")
    shutil.rmtree(three_days.data_docs_dir / "results")
    (three_days.data_docs_dir / "index.html").write_text("drawn by Great Expectations")
    gate(three_days, day=1)
    assert sorted(str(row["page"]) for row in shown(three_days)) == pages(three_days)
    assert len(pages(three_days)) == 4


def test_results_of_monitors_that_are_gone_stay_and_others_are_left_out(three_days: Settings, caplog: pytest.LogCaptureFixture) -> None:
    (three_days.monitors_dir / "trips.yaml").unlink()
    stored = next(three_days.validations_dir.rglob("*.json"))
    for name, content in (("by_hand", stored.read_text().replace("trips-2024", "by hand 2024")), ("cut_off", "{")):
        path = three_days.validations_dir / "trips" / name / "20240101T000000.000000Z" / "x.json"
        path.parent.mkdir(parents=True)
        path.write_text(content)
    assert rebuild_docs(three_days) == 3
    assert {row["label"] for row in shown(three_days)} == {
        "2024-01-01 00:00 to 2024-01-02 00:00 UTC",
        "2024-01-31 00:00 to 2024-02-01 00:00 UTC",
        "2024-02-01 00:00 to 2024-02-02 00:00 UTC",
    }
    assert {row["verdict"] for row in shown(three_days)} == {"pass", "fail"}


# --- what a window costs ----------------------------------------------------------------------------------------------


@dataclass
class Work:
    """What happened to files while it was counted."""

    events: Counter[str] = field(default_factory=Counter)
    results_opened: int = 0
    listed: list[str] = field(default_factory=list)


_counted: list[tuple[Work, str, str]] = []
_EVENTS = {"open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "shutil.copyfile", "shutil.rmtree"}


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _counted or event not in _EVENTS or not arguments:
        return
    work, home, validations = _counted[-1]
    path = str(arguments[0])
    if path.startswith(home):
        work.events[event] += 1
        work.results_opened += event == "open" and path.startswith(validations) and path.endswith(".json")
        work.listed += [path] * (event in ("os.listdir", "os.scandir"))


@contextmanager
def counting(settings: Settings) -> Iterator[Work]:
    """Count what is done to files below the state folder."""
    if not hasattr(sys, "_driftgate_audited"):
        sys.addaudithook(_audit)  # stays until the process ends; does nothing while nobody counts
        sys._driftgate_audited = True  # type: ignore[attr-defined]
    work = Work()
    _counted.append((work, str(settings.home), str(settings.validations_dir)))
    try:
        yield work
    finally:
        _counted.clear()


def add_past(settings: Settings, count: int) -> None:
    """Copy the one stored result and its page to ``count`` days before it, and make the index."""
    stored, page = next(settings.validations_dir.rglob("*.json")), settings.data_docs_dir / pages(settings)[0]
    text, key = stored.read_text(), make_window().key
    for days in range(1, count + 1):
        window = make_window(-days)
        folders = Path("trips", f"trips-{window.key}", f"{window.start:%Y%m%dT%H%M%S.%fZ}")
        for root, name, content in (
            (settings.validations_dir, stored.name, text.replace(key, window.key)),
            (settings.data_docs_dir / "validations", page.name, "a page"),
        ):
            (root / folders).mkdir(parents=True)
            (root / folders / name).write_text(content)
    assert rebuild_docs(settings) == count + 1


def test_a_window_costs_the_same_with_10_and_with_2000_past_results(suite: MakeSuite, gate_settings: Settings) -> None:
    suite()
    found: dict[int, Work] = {}
    sizes: dict[int, int] = {}
    for count in (10, 400, 2000):
        settings = Settings(**{**vars(gate_settings), "home": gate_settings.home / str(count)})
        gate(settings)
        add_past(settings, count)
        gate(settings, day=1)  # whatever is done once only
        with counting(settings) as work:
            gate(settings, day=2)
        found[count], sizes[count] = work, (settings.data_docs_dir / "index.html").stat().st_size
        assert shown(settings, table="monitors")[0]["windows"] == count + 3
    assert found[10] == found[400] == found[2000]
    assert found[2000].results_opened == 1, "the result of this window is read; no other one is looked at"
    assert found[2000].listed == [], "a folder of results grows with their number"
    assert sum(found[2000].events.values()) < 80
    assert sizes[2000] < 1.02 * sizes[400], "the first page lists a fixed number of results"
