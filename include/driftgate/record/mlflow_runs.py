"""One MLflow run per window: parameters, metrics, tags and artifacts.

MLflow parameters cannot be changed and an old metric value can hide a new one, so a run is never updated: a finished run with
the same content is reused, anything else is replaced by a complete new run. The caller holds the lock of the window
(:meth:`driftgate.record.store.RecordStore.window_lock`), so that two runs of one window do not write at once.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric as MlflowMetric
from mlflow.entities import Param, Run, RunStatus
from mlflow.exceptions import MlflowException

from driftgate.config.models import MonitorConfig
from driftgate.config.windows import label
from driftgate.mlflow_client import client as make_client
from driftgate.mlflow_client import guarded, safe_address
from driftgate.record.mlflow_names import metric_names
from driftgate.record.rows import finite, finite_json
from driftgate.records import Batch, GateResult, Measures, Window, to_dict
from driftgate.storage import DataPath, as_local, locate

TAG_MONITOR = "driftgate.monitor"
TAG_WINDOW = "driftgate.window"
TAG_FINGERPRINT = "driftgate.fingerprint"
TAG_DAG_RUN = "driftgate.dag_run"

_CLASSIC_VIEW = "machine_learning"
"""MLflow opens a run among its tools for language models unless the address names this view."""
_METRICS_PER_CALL = 900
_RUNS_PER_PAGE = 1000
_FINISHED = RunStatus.to_string(RunStatus.FINISHED)


def experiment_name(monitor: str) -> str:
    return f"driftgate/{monitor}"


@dataclass(frozen=True)
class WindowLog:
    """What the run of one window is made of."""

    batch: Batch
    gate_result: GateResult | None
    measures: Measures


@dataclass(frozen=True)
class LoggedRun:
    """The one finished run of a window."""

    window: Window
    run_id: str
    experiment_id: str


def log_window(
    config: MonitorConfig,
    tracking_uri: str,
    batch: Batch,
    gate_result: GateResult | None,
    measures: Measures,
    *,
    config_fingerprint: str,
    dag_run: str | None,
) -> str:
    """Leave exactly one finished run for the window and return its id; see :func:`log_windows`."""
    entry = WindowLog(batch, gate_result, measures)
    (logged,) = log_windows(config, tracking_uri, [entry], config_fingerprint=config_fingerprint, dag_run=dag_run)
    return logged.run_id


def log_windows(
    config: MonitorConfig,
    tracking_uri: str,
    entries: Sequence[WindowLog],
    *,
    config_fingerprint: str,
    dag_run: str | None = None,
    logged: Callable[[LoggedRun], None] | None = None,
) -> list[LoggedRun]:
    """Leave exactly one finished run for each of some windows of a monitor.

    Metrics carry the start of the window as their time; values that are missing or not finite are left out. A new run is
    complete before older runs of the window are deleted, so a crash in between never loses what was there. The runs that are there
    are looked for once; a new one takes one request to make it, one for everything in it, one per artifact and one to finish it.

    Parameters
    ----------
    dag_run
        Noted on the runs.
    logged
        Told of every run.

    Raises
    ------
    ServiceError
        If MLflow does not answer.
    """
    if not entries:
        return []
    found = []
    with _connected(tracking_uri) as client:
        experiment = _ensure_experiment(client, config)
        existing = _runs_of(client, experiment, config.id, [entry.batch.window for entry in entries])
        for entry in entries:
            run_id = _log(
                client, tracking_uri, experiment, config, entry, existing.get(entry.batch.window.key, []), config_fingerprint, dag_run
            )
            found.append(LoggedRun(entry.batch.window, run_id, experiment))
            if logged is not None:
                logged(found[-1])
    return found


def _log(
    client: MlflowClient,
    tracking_uri: str,
    experiment: str,
    config: MonitorConfig,
    entry: WindowLog,
    existing: Sequence[Run],
    config_fingerprint: str,
    dag_run: str | None,
) -> str:
    batch = entry.batch
    params = _params(config, batch, entry.gate_result, entry.measures, config_fingerprint)
    metrics = _metrics(entry.measures)
    fingerprint = _fingerprint(params, metrics)
    same = (run for run in existing if _is_finished(run) and run.data.tags.get(TAG_FINGERPRINT) == fingerprint)
    known = next(same, None)
    if known is not None:
        run_id = str(known.info.run_id)
        if dag_run is not None and known.data.tags.get(TAG_DAG_RUN) != dag_run:
            client.set_tag(run_id, TAG_DAG_RUN, dag_run)
    else:
        tags = {TAG_MONITOR: batch.monitor, TAG_WINDOW: batch.window.key, TAG_FINGERPRINT: fingerprint}
        if dag_run is not None:
            tags[TAG_DAG_RUN] = dag_run
        run = client.create_run(experiment, tags=tags, run_name=label(config, batch.window))
        run_id = str(run.info.run_id)
        _write(client, run_id, batch.window, params, metrics)
        _write_artifacts(tracking_uri, run, entry)
        client.set_terminated(run_id, _FINISHED)
    for run in existing:
        if run.info.run_id != run_id:
            client.delete_run(run.info.run_id)
    return run_id


def attach_files(tracking_uri: str, run_id: str, files: Mapping[str, Sequence[DataPath]]) -> None:
    """Add files to a run, per artifact folder (an empty name is the top); a file of the same name is replaced.

    Raises
    ------
    ServiceError
        If MLflow does not answer.
    MlflowException
        If there is no such run.
    """
    with _connected(tracking_uri) as client:
        for folder, paths in files.items():
            for path in paths:
                with as_local(path) as file:
                    client.log_artifact(run_id, str(file), folder or None)


def find_run(tracking_uri: str, config: MonitorConfig, window: Window) -> str | None:
    """Return the id of the window's finished run, or None if there is none."""
    with _connected(tracking_uri) as client:
        experiment = client.get_experiment_by_name(experiment_name(config.id))
        if experiment is None:
            return None
        found = _runs(client, experiment.experiment_id, config.id, window)
        return next((run.info.run_id for run in found if _is_finished(run)), None)


def run_link(tracking_uri: str, run_id: str, public_url: str | None = None) -> str:
    """Return the page of a run; without an MLflow server, its ``runs:/`` address.

    ``public_url`` is the server's address in a browser, where it differs from the one that programs use.
    """
    if not tracking_uri.startswith(("http://", "https://")):
        return f"runs:/{run_id}"
    with _connected(tracking_uri) as client:
        experiment = client.get_run(run_id).info.experiment_id
    return run_page(tracking_uri, experiment, run_id, public_url)


def run_page(tracking_uri: str, experiment: str, run_id: str, public_url: str | None = None) -> str:
    """Return :func:`run_link` where the experiment is known; nothing is asked."""
    if not tracking_uri.startswith(("http://", "https://")):
        return f"runs:/{run_id}"
    server = (public_url or safe_address(tracking_uri)).rstrip("/")
    return f"{server}/#/experiments/{experiment}/runs/{run_id}?workflowType={_CLASSIC_VIEW}"


@contextmanager
def _connected(tracking_uri: str) -> Iterator[MlflowClient]:
    with guarded(tracking_uri):
        yield make_client(tracking_uri)


def _params(
    config: MonitorConfig, batch: Batch, gate_result: GateResult | None, measures: Measures, config_fingerprint: str
) -> dict[str, str]:
    params: dict[str, Any] = {
        "batch_start_date": batch.window.start.isoformat(),
        "batch_end_date": batch.window.end.isoformat(),
        "num_records_current": batch.rows,
        "content_hash": batch.content_hash,
        "config_fingerprint": config_fingerprint,
        "task": config.task,
        "model_name": config.model_name,
        "model_version": measures.model_version,
    }
    if gate_result is not None:
        params |= {
            "gate_suite": gate_result.suite,
            "gate_verdict": gate_result.verdict.value,
            "gate_evaluated": gate_result.evaluated,
            "gate_failed": len(gate_result.failed),
        }
    return {name: str(value) for name, value in params.items()}


def _metrics(measures: Measures) -> dict[str, float]:
    names = metric_names(measures.metrics)
    values = {names[metric.address]: finite(metric.value) for metric in measures.metrics}
    return {name: value for name, value in sorted(values.items()) if value is not None}


def _fingerprint(params: Mapping[str, str], metrics: Mapping[str, float]) -> str:
    content = json.dumps({"params": params, "metrics": metrics}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _ensure_experiment(client: MlflowClient, config: MonitorConfig) -> str:
    """Return the monitor's experiment, made or brought back from deletion if need be, also when another process does the same."""
    name = experiment_name(config.id)
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, tags={TAG_MONITOR: config.id}))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    if found.lifecycle_stage != "active":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _runs(client: MlflowClient, experiment: str, monitor: str, window: Window) -> list[Run]:
    """Return the runs of a window that are not deleted, newest first."""
    return _runs_of(client, experiment, monitor, [window]).get(window.key, [])


def _runs_of(client: MlflowClient, experiment: str, monitor: str, windows: Sequence[Window]) -> dict[str, list[Run]]:
    """Return the runs of windows that are not deleted, newest first, by window; one search, where they are fewer than a page holds."""
    keys = [window.key for window in windows]
    named = f"= '{keys[0]}'" if len(keys) == 1 else f"LIKE '{_common_start(keys)}%'"
    condition = f"tags.`{TAG_MONITOR}` = '{monitor}' AND tags.`{TAG_WINDOW}` {named}"
    found: dict[str, list[Run]] = {key: [] for key in keys}
    token = None
    while True:
        page = client.search_runs(
            [experiment], condition, max_results=_RUNS_PER_PAGE, order_by=["attributes.start_time DESC"], page_token=token
        )
        for run in page:
            found.get(run.data.tags[TAG_WINDOW], []).append(run)
        token = page.token
        if not token:
            return found


def _common_start(keys: Sequence[str]) -> str:
    first, last = min(keys), max(keys)
    same = next((index for index, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:same]


def _is_finished(run: Run) -> bool:
    return bool(run.info.status == _FINISHED)


def _write(client: MlflowClient, run_id: str, window: Window, params: Mapping[str, str], metrics: Mapping[str, float]) -> None:
    moment = int(window.start.timestamp() * 1000)
    given = [Param(name, value) for name, value in params.items()]
    entries = [MlflowMetric(name, value, moment, 0) for name, value in metrics.items()]
    for part in _parts(entries, _METRICS_PER_CALL) or [[]]:
        client.log_batch(run_id, metrics=part, params=given)
        given = []


def _parts(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[first : first + size] for first in range(0, len(items), size)]


def _write_artifacts(tracking_uri: str, run: Run, entry: WindowLog) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    texts = {"measures.json": _json(entry.measures)}
    if entry.gate_result is not None:
        texts["gate.json"] = _gate_json(entry.gate_result)
    repository = get_artifact_repository(run.info.artifact_uri, tracking_uri=tracking_uri)
    with tempfile.TemporaryDirectory(prefix="driftgate-run-") as folder:
        for name, text in texts.items():
            path = Path(folder) / name
            path.write_text(text, encoding="utf-8")
            repository.log_artifact(str(path))


def _gate_json(result: GateResult) -> str:
    """Return the validation result as GX wrote it, or its summary where that file does not exist (any more)."""
    if result.result_path and locate(result.result_path).is_file():
        return locate(result.result_path).read_text(encoding="utf-8")
    return _json(result)


def _json(record: Measures | GateResult) -> str:
    return json.dumps(finite_json(to_dict(record)), indent=2)
