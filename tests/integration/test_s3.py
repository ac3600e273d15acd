"""Data in an object store: windows on the stack's own PostgreSQL and MLflow, their files on a real S3 server."""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text

from driftgate import pipeline, storage
from driftgate.config.windows import window_at
from driftgate.context import Context, open_context
from driftgate.errors import ServiceError
from driftgate.pipeline import WindowOutcome
from driftgate.records import BatchStatus, GateVerdict, Window
from driftgate.storage import locate
from s3_server import BUCKET, S3Server, serve
from world import World

pytestmark = pytest.mark.integration

MONITOR, DAY, NEXT = "lake", "2013-05-14", "2013-05-15"
FILES = {"gate.json", "measures.json", "reference.json", "evidently.html", "evidently.json"}


@pytest.fixture(scope="module")
def monitors(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A monitor of this file's own, on the champion that the demonstration left, which Airflow does not see.

    Its limits are fixed: learning them takes most of the time of a first window and touches no data location.
    """
    folder = tmp_path_factory.mktemp("lake_monitors")
    content = yaml.safe_load((world.project_root / "include" / "monitors" / "flights.yaml").read_text(encoding="utf-8"))
    content |= {"id": MONITOR, "model": {"name": "flights"}, "measures": {"thresholds": "fixed"}}
    content["decision"] = {"rules": [{"metric": "mae", "above_reference": 1.5}]}
    (folder / f"{MONITOR}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    yield folder
    with world.engine.begin() as connection:
        for table in ("metric", "gate_result", "decision", "report", "incident", "calibration", "export", "batch"):
            connection.execute(text(f"DELETE FROM driftgate.{table} WHERE monitor = :monitor"), {"monitor": MONITOR})
    shutil.rmtree(world.settings.batches_dir / MONITOR, ignore_errors=True)


@pytest.fixture
def near(world: World, monitors: Path) -> Context:
    """The monitor with its data in the state folder."""
    return open_context(MONITOR, replace(world.settings, monitors_dir=monitors))


@pytest.fixture
def far(near: Context, s3: S3Server) -> Context:
    """The same monitor with its data on S3."""
    return replace(near, settings=replace(near.settings, data_url=f"s3://{BUCKET}/prod"))


def window_of(context: Context, day: str) -> Window:
    return window_at(context.config, day)


def run(context: Context, day: str, **how: Any) -> WindowOutcome:
    return pipeline.run_window(context, window_of(context, day), **how)


def rows(context: Context, day: str) -> dict[str, Any]:
    """Return what the records say of a window, less where its files lie and when it ran."""
    window = window_of(context, day)
    batch = context.store.find_batch(MONITOR, window)
    gate, decision = context.store.find_gate(MONITOR, window), context.store.find_decision(MONITOR, window)
    assert batch is not None
    assert gate is not None
    assert batch.model_version is not None
    return {
        "batch": replace(batch, path=None, dag_run=None),
        "gate": replace(gate, result_path=None),
        "measures": context.store.load_measures(MONITOR, window, batch.model_version),
        "decision": decision,
    }


def test_a_window_on_s3_leaves_the_same_rows_as_in_folders(world: World, near: Context, far: Context, monitors: Path, s3: S3Server) -> None:
    run(near, DAY)
    expected, kept = rows(near, DAY), near.store.find_batch(MONITOR, window_of(near, DAY))
    assert kept is not None
    assert Path(str(kept.path)).is_file()
    assert pipeline.ingest(far, window_of(far, DAY)) == kept, "a batch that was kept in a folder is used on"

    again = World(world.project_root, world.base, {**world.environ, **s3.environment, "DRIFTGATE_DATA_URL": str(far.settings.data_url)})
    again.environ["DRIFTGATE_MONITORS_DIR"] = str(monitors)
    done = again.run("run", MONITOR, "--window", DAY, "--reprocess")
    assert "decision" in done.stdout
    assert rows(far, DAY) == expected
    batch = far.store.find_batch(MONITOR, window_of(far, DAY))
    gate = far.store.find_gate(MONITOR, window_of(far, DAY))
    assert batch is not None
    assert gate is not None
    folder = f"s3://{BUCKET}/prod/batches/{MONITOR}/{window_of(far, DAY).key}"
    assert (batch.path, gate.result_path) == (f"{folder}/{Path(str(kept.path)).name}", f"{folder}/gate.json")
    assert {path.name for path in locate(folder).rglob("*")} == {*FILES, Path(str(kept.path)).name}
    assert {Path(str(kept.path)).with_name(name).is_file() for name in FILES} == {True}, "the files of before are still there"
    reports = world.sql("SELECT address FROM driftgate.report WHERE monitor = :monitor AND kind = 'evidently'", monitor=MONITOR)
    assert [row["address"] for row in reports] == [f"{folder}/evidently.html"]


def test_the_same_window_again_changes_nothing(far: Context, world: World) -> None:
    before = {str(path): path.read_bytes() for path in far.settings.data_dir.rglob("*.parquet")}
    known, counts = rows(far, DAY), world.counts()
    outcome = run(far, DAY)
    assert outcome.batch.path in before
    assert rows(far, DAY) == known
    assert world.counts() == counts
    assert {str(path): path.read_bytes() for path in far.settings.data_dir.rglob("*.parquet")} == before
    assert len(world.mlflow_runs(MONITOR, window_of(far, DAY).key)) == 1


def test_every_page_is_found_from_the_first_one_through_airflows_page_code(far: Context) -> None:
    from driftgate_airflow.ui.app import _data_docs_file, _report_file

    seen, left = set[str](), ["index.html"]
    while left:
        page = left.pop()
        if page in seen:
            continue
        seen.add(page)
        answer = _data_docs_file(far.settings, page, lambda shown: None)
        assert answer.status_code == 200, page
        if page.endswith(".html"):
            left += links(page, bytes(answer.body).decode())
    assert any(page.startswith("validations/") for page in seen)
    assert any(page.startswith(f"results/{MONITOR}/") for page in seen)
    report = _report_file(far.settings, f"monitor__{MONITOR}", window_of(far, DAY).key)
    assert "<html" in report.read_text(encoding="utf-8")


def links(page: str, html: str) -> list[str]:
    """Return the pages of the site that a page leads to, in its markup and in the rows of its tables."""
    here = page.rpartition("/")[0]
    markup = [found for found in re.findall(r'(?:href|src)="([^"#?:]+\.(?:html|css|js|png))"', html) if "/vendor/" not in found]
    listed = re.findall(r'"((?:validations|results)/[^"\\]+\.html)"', html)
    relative = [posixpath.normpath(posixpath.join(here, found)) for found in markup]
    return [found for found in [*relative, *listed] if not found.startswith("..")]


def test_a_server_that_goes_away_is_tried_again_and_nothing_half_written_is_used(
    far: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(storage._OPTIONS, "s3", {"config_kwargs": {"retries": {"max_attempts": 1}}})
    window = window_of(far, NEXT)
    with serve(tmp_path) as other:
        monkeypatch.setenv("AWS_ENDPOINT_URL", other.endpoint)
        storage._store.cache_clear()
        batch = pipeline.ingest(far, window)
        other.stop()
        for step in (lambda: pipeline.gate(far, batch), lambda: pipeline.measure(far, batch), lambda: pipeline.ingest(far, window)):
            with pytest.raises(ServiceError, match=f"s3://{BUCKET}/prod/batches/{MONITOR}/.* did not answer"):
                step()
        known = far.store.find_batch(MONITOR, window)
        assert known is not None
        assert known.status is BatchStatus.INGESTED, "a server that is away is no verdict on the data"
        assert far.store.find_gate(MONITOR, window) is None
        other.start()  # without what it held
        outcome = run(far, NEXT)
    assert outcome.batch.status is BatchStatus.MEASURED
    assert (outcome.batch.content_hash, outcome.batch.path) == (batch.content_hash, batch.path)


def test_a_retraining_reads_and_writes_its_rows_on_s3(far: Context) -> None:
    from driftgate.retraining import build_training_set
    from driftgate.storage import read_frame

    window = window_of(far, NEXT)
    assert pipeline.gate(far, pipeline.ingest(far, window, reprocess=True), build_docs=False).verdict is not GateVerdict.FAIL
    made = build_training_set(far, window, start=window_of(far, DAY).start)
    assert made.train_path.startswith(f"s3://{BUCKET}/prod/training/{MONITOR}/")
    assert (len(read_frame(made.train_path)), len(read_frame(made.held_out_path))) == (made.train_rows, made.held_out_rows)
