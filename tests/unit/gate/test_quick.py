"""What is remembered inside a checkpoint run changes no result."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

from driftgate.gate.checkpoint import Docs, Gate
from driftgate.gate.data_docs import draw_page, enter_windows
from driftgate.gate.later_pages import is_promise
from driftgate.gate.quick import Quick
from factories import make_config, make_frame, make_window


def frames():
    good, odd = make_frame(100), make_frame(80, seed=2).assign(vendor="z")
    odd.loc[:9, "distance"] = None
    return [good, odd, good.drop(columns="vendor"), make_frame(90, seed=3), make_frame(0)]


def without_ids(content):
    if isinstance(content, dict):
        made_up = ("id", "checkpoint_id", "validation_id", "batch_markers", "exception_traceback")
        return {name: without_ids(value) for name, value in content.items() if name not in made_up}
    return [without_ids(item) for item in content] if isinstance(content, list) else content


def results(gate):
    found = []
    for day, frame in enumerate(frames()):
        result = gate.run(make_window(day), frame, docs=Docs.NONE)
        found.append((result.verdict, result.failed, without_ids(json.loads(Path(result.result_path).read_text()))))
    return found


def test_one_gate_for_many_windows_gives_the_results_of_an_untouched_one_each(suite, gate_settings, monkeypatch):
    suite()
    config = make_config(gate={"suite": "trips"})
    together = results(Gate(config, gate_settings))
    monkeypatch.setattr(Quick, "run", lambda self: nullcontext())
    alone = []
    for day, frame in enumerate(frames()):
        result = Gate(config, gate_settings).run(make_window(day), frame, docs=Docs.NONE)
        alone.append((result.verdict, result.failed, without_ids(json.loads(Path(result.result_path).read_text()))))
    assert together == alone
    assert len({verdict for verdict, _, _ in alone}) > 1


def test_great_expectations_is_left_as_it_was(suite, gate_settings):
    from great_expectations import Checkpoint
    from great_expectations.core.id_dict import IDDict
    from great_expectations.expectations.expectation import Expectation

    suite()
    before = (Expectation.configuration, Expectation._get_runtime_kwargs, IDDict.to_id, Checkpoint.is_fresh)
    results(Gate(make_config(gate={"suite": "trips"}), gate_settings))
    assert (Expectation.configuration, Expectation._get_runtime_kwargs, IDDict.to_id, Checkpoint.is_fresh) == before


def test_pages_are_promised_entered_at_once_and_drawn_one_by_one(suite, gate_settings):
    suite()
    config = make_config(gate={"suite": "trips"})
    gate = Gate(config, gate_settings)
    pages = [str(gate.run(make_window(day), make_frame(100), docs=Docs.LATER).data_docs) for day in (0, 1, 40)]
    assert enter_windows(pages, config, gate_settings) == 3
    site = gate_settings.data_docs_dir
    assert "2024-02-10" in (site / "results" / "trips" / "2024-02.html").read_text()
    assert all(is_promise(site / page) for page in pages)
    draw_page(pages[1], gate_settings)
    assert [is_promise(site / page) for page in pages] == [True, False, True]
    Gate(config, gate_settings).run(make_window(1), make_frame(100), docs=Docs.DRAWN)
    assert "trips, 2024-01-02" in (site / pages[1]).read_text()
