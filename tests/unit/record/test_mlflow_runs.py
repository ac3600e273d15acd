"""One complete MLflow run per window, on a real tracking store."""

from __future__ import annotations

import dataclasses
import json
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.utils.validation import _validate_metric_name

from driftgate.errors import ServiceError
from driftgate.record.mlflow_names import metric_names
from driftgate.record.mlflow_runs import attach_files, find_run, log_window, run_link
from driftgate.records import Batch, BatchStatus, FailedExpectation, Family, GateResult, GateVerdict, Measures, Metric
from factories import make_config, make_window

CONFIG = make_config()


def make_batch(day: int = 0, **changes: object) -> Batch:
    return dataclasses.replace(Batch("trips", make_window(day), BatchStatus.INGESTED, 200, content_hash="abc"), **changes)


def make_measures(day: int = 0, mae: float | None = 1.5, extra: tuple[Metric, ...] = ()) -> Measures:
    drift = Metric(Family.DATA_DRIFT, "drift_score", 0.2, "distance")
    return Measures("trips", make_window(day), "3", 200, (drift, Metric(Family.PERFORMANCE, "mae", mae), *extra))


def make_gate(day: int = 0, result_path: str | None = None) -> GateResult:
    failed = (FailedExpectation("expect_x", "distance", "warning", "3 of 200"),)
    return GateResult("trips", make_window(day), "trips_suite", GateVerdict.WARN, 8, failed, result_path=result_path)


def log(uri: str, day: int = 0, mae: float | None = 1.5, extra: tuple[Metric, ...] = (), dag_run: str | None = "manual__1") -> str:
    return log_window(
        CONFIG, uri, make_batch(day), make_gate(day), make_measures(day, mae, extra), config_fingerprint="f00", dag_run=dag_run
    )


def active_runs(uri: str) -> list[str]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("driftgate/trips")
    return [run.info.run_id for run in client.search_runs([experiment.experiment_id])]


def artifact(uri: str, run_id: str, path: str) -> str:
    return Path(MlflowClient(uri).download_artifacts(run_id, path)).read_text()


def test_a_run_holds_parameters_metrics_tags_and_artifacts_of_its_window(mlflow_uri: str) -> None:
    run = MlflowClient(mlflow_uri).get_run(log(mlflow_uri))
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "2024-01-01"
    assert run.data.metrics == {"data_drift.drift_score.distance": 0.2, "performance.mae": 1.5}
    expected = {
        "batch_start_date": "2024-01-01T00:00:00+00:00",
        "batch_end_date": "2024-01-02T00:00:00+00:00",
        "num_records_current": "200",
        "model_version": "3",
        "gate_verdict": "warn",
        "gate_failed": "1",
    }
    assert expected.items() <= run.data.params.items()
    assert run.data.tags["driftgate.monitor"] == "trips"
    assert run.data.tags["driftgate.window"] == make_window().key
    assert run.data.tags["driftgate.dag_run"] == "manual__1"
    assert Measures.from_dict(json.loads(artifact(mlflow_uri, run.info.run_id, "measures.json"))) == make_measures()
    assert GateResult.from_dict(json.loads(artifact(mlflow_uri, run.info.run_id, "gate.json"))) == make_gate()


def test_metrics_carry_the_time_of_the_window(mlflow_uri: str) -> None:
    history = MlflowClient(mlflow_uri).get_metric_history(log(mlflow_uri), "performance.mae")
    assert [(entry.timestamp, entry.step) for entry in history] == [(int(make_window().start.timestamp() * 1000), 0)]


def test_the_result_of_gx_itself_is_the_artifact_where_its_file_exists(mlflow_uri: str, tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    path.write_text('{"success": true}')
    gate = make_gate(result_path=str(path))
    run = log_window(CONFIG, mlflow_uri, make_batch(), gate, make_measures(), config_fingerprint="f", dag_run=None)
    assert json.loads(artifact(mlflow_uri, run, "gate.json")) == {"success": True}


def test_a_batch_that_no_gate_saw_is_logged_without_gate(mlflow_uri: str) -> None:
    run = log_window(CONFIG, mlflow_uri, make_batch(), None, make_measures(), config_fingerprint="f", dag_run=None)
    found = MlflowClient(mlflow_uri).get_run(run)
    assert not [name for name in found.data.params if name.startswith("gate")]
    assert [item.path for item in MlflowClient(mlflow_uri).list_artifacts(run)] == ["measures.json"]


def test_the_same_content_again_reuses_the_run_and_only_notes_the_dag_run(mlflow_uri: str) -> None:
    first = log(mlflow_uri)
    assert log(mlflow_uri, dag_run="scheduled__2") == first
    assert active_runs(mlflow_uri) == [first]
    assert MlflowClient(mlflow_uri).get_run(first).data.tags["driftgate.dag_run"] == "scheduled__2"


def test_other_numbers_replace_the_run_of_the_window_and_no_other(mlflow_uri: str) -> None:
    other = log(mlflow_uri, day=1)
    first = log(mlflow_uri)
    second = log(mlflow_uri, mae=0.5)
    assert second != first
    assert set(active_runs(mlflow_uri)) == {second, other}
    assert MlflowClient(mlflow_uri).get_run(second).data.metrics["performance.mae"] == 0.5
    assert find_run(mlflow_uri, CONFIG, make_window()) == second


def test_what_a_crash_left_unfinished_is_never_found_and_goes_with_the_next_run(mlflow_uri: str) -> None:
    assert find_run(mlflow_uri, CONFIG, make_window()) is None
    first = log(mlflow_uri)
    client = MlflowClient(mlflow_uri)
    tags = {"driftgate.monitor": "trips", "driftgate.window": make_window().key}
    client.create_run(client.get_run(first).info.experiment_id, tags=tags)
    assert find_run(mlflow_uri, CONFIG, make_window()) == first
    assert log(mlflow_uri) == first
    assert active_runs(mlflow_uri) == [first]


def test_values_that_are_not_finite_are_left_out(mlflow_uri: str) -> None:
    extra = (Metric(Family.PERFORMANCE, "r2", math.nan), Metric(Family.PERFORMANCE, "mape", math.inf))
    run = log(mlflow_uri, mae=None, extra=extra)
    assert MlflowClient(mlflow_uri).get_run(run).data.metrics == {"data_drift.drift_score.distance": 0.2}
    values = {item["metric"]: item["value"] for item in json.loads(artifact(mlflow_uri, run, "measures.json"))["metrics"]}
    assert (values["r2"], values["mape"]) == (None, None)


def test_more_metrics_than_one_call_takes_all_arrive(mlflow_uri: str) -> None:
    extra = tuple(Metric(Family.DATA_DRIFT, "drift_score", float(index), f"column {index}") for index in range(1100))
    run = log(mlflow_uri, extra=extra)
    assert len(MlflowClient(mlflow_uri).get_run(run).data.metrics) == 1102


def test_files_are_attached_and_replaced(mlflow_uri: str, tmp_path: Path) -> None:
    run = log(mlflow_uri)
    html = tmp_path / "evidently.html"
    for content in ("old", "new"):
        html.write_text(content)
        attach_files(mlflow_uri, run, {"evidently": [html], "": [html]})
    assert artifact(mlflow_uri, run, "evidently/evidently.html") == "new"
    assert artifact(mlflow_uri, run, "evidently.html") == "new"


def test_a_deleted_experiment_comes_back(mlflow_uri: str) -> None:
    run = log(mlflow_uri)
    client = MlflowClient(mlflow_uri)
    client.delete_experiment(client.get_run(run).info.experiment_id)
    again = log(mlflow_uri, mae=2.0)
    assert client.get_experiment_by_name("driftgate/trips").lifecycle_stage == "active"
    assert again in active_runs(mlflow_uri)


def test_without_a_server_the_link_names_the_run(mlflow_uri: str) -> None:
    assert run_link(mlflow_uri, "abc") == "runs:/abc"


class OneRun(BaseHTTPRequestHandler):
    """An MLflow server that knows one run."""

    def do_GET(self) -> None:
        body = json.dumps({"run": {"info": {"run_id": "abc", "experiment_id": "7", "status": "FINISHED"}, "data": {}}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.mark.parametrize("public_url", [None, "https://mlflow.example/"])
def test_the_link_opens_the_run_in_the_view_for_trained_models(public_url: str | None) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), OneRun) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        link = run_link(address, "abc", public_url)
        server.shutdown()
    start = "https://mlflow.example" if public_url else address
    assert link == f"{start}/#/experiments/7/runs/abc?workflowType=machine_learning"


def test_names_are_readable_valid_and_never_shared() -> None:
    metrics = [
        Metric(Family.PERFORMANCE, "mae", 1),
        Metric(Family.PERFORMANCE, "mae", 1, segment="vendor=a"),
        Metric(Family.DATA_DRIFT, "drift_score", 1, "dep delay (min)"),
        Metric(Family.DATA_DRIFT, "drift_score", 1, "a/b"),
        Metric(Family.DATA_DRIFT, "drift_score", 1, "a\\b"),
        Metric(Family.DATA_DRIFT, "drift_score", 1, "../x"),
        Metric(Family.DATA_DRIFT, "drift_score", 1, "größe"),
        Metric(Family.DATA_DRIFT, "drift_score", 1, "x" * 300),
        Metric(Family.PERFORMANCE, "mae", 1, segment="dest=a/b: (ö) %"),
        Metric(Family.PERFORMANCE, "mae", 1, segment="dest=a\\b: (ö) %"),
        Metric(Family.PERFORMANCE, "mae", 1, segment="dest=.."),
        Metric(Family.PERFORMANCE, "mae", 1, segment="dest="),
    ]
    names = metric_names(metrics)
    values = list(names.values())
    assert values[:3] == ["performance.mae", "performance.mae.vendor_a", "data_drift.drift_score.dep delay _min_"]
    assert len(set(values)) == len(metrics)
    for name in values:
        _validate_metric_name(name)
        assert len(name) <= 250
    assert metric_names(metrics[::-1]) == names


def test_a_server_that_is_down_is_a_service_error_within_seconds() -> None:
    started = time.monotonic()
    with pytest.raises(ServiceError, match=r"MLflow at http://127.0.0.1:1 does not answer") as caught:
        log("http://ann:topsecret@127.0.0.1:1")
    assert time.monotonic() - started < 8
    assert "topsecret" not in str(caught.value)
