"""The registry against a real MLflow store, and MLflow's absence in its several forms."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator

import mlflow
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from driftgate.errors import ModelNotFoundError, ServiceError, SettingsError
from driftgate.mlflow_client import client, guarded, safe_address, tracking
from driftgate.serve import registry as registry_module
from driftgate.serve.registry import Registry
from factories import make_config


def register(uri: str, slope: float) -> str:
    model = LinearRegression().fit(np.array([[0.0], [1.0]]), np.array([0.0, slope]))
    with tracking(uri), mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="model", pip_requirements=[], skops_trusted_types=["numpy.dtype"])
        api = client(uri)
        if not api.search_registered_models("name = 'trips'"):
            api.create_registered_model("trips")
        return str(api.create_model_version("trips", info.model_uri, run_id=run.info.run_id, model_id=info.model_id).version)


def test_the_champion_moves_and_each_version_is_loaded_as_it_is(mlflow_uri: str) -> None:
    registry = Registry(mlflow_uri)
    assert registry.champion_version("trips") is None
    one, two = register(mlflow_uri, 1.0), register(mlflow_uri, 2.0)
    assert registry.champion_version("trips") is None
    registry.set_champion("trips", one)
    assert registry.champion_version("trips") == one
    registry.set_champion("trips", two)
    registry.set_challenger("trips", one)
    assert (registry.champion_version("trips"), registry.alias_version("trips", "challenger")) == (two, one)
    assert registry.load("trips", one).predict([[3.0]]) == pytest.approx(3.0)
    assert registry.load("trips", two).predict([[3.0]]) == pytest.approx(6.0)


def test_a_version_is_loaded_once_per_process_and_the_cache_stays_small(mlflow_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    version = register(mlflow_uri, 1.0)
    monkeypatch.setattr(registry_module, "_loaded", {("other", "m", str(number)): None for number in range(8)})
    first = Registry(mlflow_uri).load("trips", version)
    assert Registry(mlflow_uri).load("trips", version) is first
    assert len(registry_module._loaded) == 8


def test_without_a_champion_the_error_says_how_to_get_one(mlflow_uri: str) -> None:
    with pytest.raises(ModelNotFoundError, match=r"driftgate train trips --from DATE --to DATE`, or trigger the DAG retrain__trips"):
        Registry(mlflow_uri).require_champion(make_config())


def test_a_version_that_does_not_exist_is_named(mlflow_uri: str) -> None:
    register(mlflow_uri, 1.0)
    for call in (lambda r: r.load("trips", "9"), lambda r: r.set_champion("trips", "9"), lambda r: r.tags("trips", "9")):
        with pytest.raises(ModelNotFoundError, match=r"no version 9 of model 'trips'"):
            call(Registry(mlflow_uri))


def test_a_version_whose_files_are_gone_is_not_a_server_failure(mlflow_uri: str) -> None:
    api = client(mlflow_uri)
    run = api.create_run(api.create_experiment("by hand"))
    api.create_registered_model("trips")
    api.create_model_version("trips", f"runs:/{run.info.run_id}/model", run_id=run.info.run_id)
    with pytest.raises(ModelNotFoundError, match=r"files are gone"):
        Registry(mlflow_uri).load("trips", "1")


# --- no MLflow --------------------------------------------------------------------------------------------------------


class _Stub(http.server.BaseHTTPRequestHandler):
    status = 200
    delay = 0.0

    def do_GET(self) -> None:
        if self.path == "/health":
            self._answer(200)
            return
        time.sleep(self.delay)
        self._answer(self.status)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def stub() -> Iterator[tuple[str, type[_Stub]]]:
    handler = type("Handler", (_Stub,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    server.server_close()


def test_a_server_that_is_down_is_reported_within_seconds_without_its_password() -> None:
    started = time.monotonic()
    with pytest.raises(ServiceError, match=r"MLflow at http://127.0.0.1:9 does not answer.*driftgate up") as caught:
        Registry("http://me:secret@127.0.0.1:9").champion_version("trips")
    assert time.monotonic() - started < 15
    assert "secret" not in str(caught.value)
    assert caught.value.retryable


@pytest.mark.parametrize(("status", "delay"), [(503, 0.0), (200, 5.0)], ids=["overloaded", "hangs"])
def test_a_server_that_fails_after_the_probe_is_reported_too(stub, monkeypatch: pytest.MonkeyPatch, status: int, delay: float) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    address, handler = stub
    handler.status, handler.delay = status, delay
    started = time.monotonic()
    with pytest.raises(ServiceError, match=r"does not answer"):
        Registry(address).champion_version("trips")
    assert time.monotonic() - started < 15


def test_a_server_that_refuses_the_client_is_a_matter_of_settings(stub) -> None:
    address, handler = stub
    handler.status = 403
    with pytest.raises(SettingsError, match=r"refuses this client.*--allowed-hosts"):
        Registry(address).champion_version("trips")


def test_errors_of_the_block_that_are_no_outage_pass_through(mlflow_uri: str) -> None:
    with pytest.raises(KeyError), guarded(mlflow_uri):
        raise KeyError("mine")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://user:pw@host:5000/base?x=1", "http://host:5000/base"),
        ("https://host", "https://host"),
        ("sqlite:////tmp/m.db", "sqlite:////tmp/m.db"),
        ("postgresql+psycopg2://u:pw@host/db", "postgresql+psycopg2://host/db"),
    ],
)
def test_addresses_are_shown_without_secrets(uri: str, shown: str) -> None:
    assert safe_address(uri) == shown


def test_the_process_wide_address_is_put_back(mlflow_uri: str) -> None:
    before = mlflow.get_tracking_uri()
    with tracking(mlflow_uri):
        assert mlflow.get_tracking_uri() == mlflow_uri
    assert mlflow.get_tracking_uri() == before
