"""The sinks under contract, each reduced to writing one window and telling what it holds.

Run as a program (``python sinks.py <sink> <address>``) it writes a window, stops in the middle, says so and waits to be killed.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mlflow import MlflowClient
from sqlalchemy import event, text

from driftgate.record import mlflow_runs
from driftgate.record.store import RecordStore
from driftgate.records import Batch, BatchStatus, Family, GateResult, GateVerdict, Measures, Metric
from factories import make_config, make_window

WINDOW = make_window()
BATCH = Batch("trips", WINDOW, BatchStatus.INGESTED, 200, content_hash="abc", model_version="1")
GATE = GateResult("trips", WINDOW, "trips_suite", GateVerdict.PASS, 8)
IN_THE_MIDDLE = "in the middle"


def make_measures(offset: float = 0.0, count: int = 40) -> Measures:
    metrics = tuple(Metric(Family.DATA_DRIFT, "drift_score", index + offset, f"c{index}") for index in range(count))
    return Measures("trips", WINDOW, "1", 200, metrics)


class Sink(Protocol):
    """What the contract asks of a sink."""

    down: str
    """An address where no server listens."""

    def write(self, measures: Measures) -> None: ...

    def values(self) -> dict[str, float] | None:
        """Return the values of the window by column, or None where a reader finds nothing of it."""

    def count(self) -> int:
        """Return how many entries a reader finds in all: rows or runs."""

    def stall(self) -> None:
        """Make the next write stop for ever after some of it was sent."""


@dataclass
class PostgresSink:
    address: str
    down: str = "postgresql://app:topsecret@127.0.0.1:1/records"

    def __post_init__(self) -> None:
        self.store = RecordStore.open(self.address)

    def write(self, measures: Measures) -> None:
        self.store.save_measures(BATCH, measures)

    def values(self) -> dict[str, float] | None:
        loaded = self.store.load_measures("trips", WINDOW, "1")
        if loaded is None:
            return {} if self.store.find_batch("trips", WINDOW) else None
        return {metric.column: metric.value or 0.0 for metric in loaded.metrics}

    def count(self) -> int:
        with self.store.engine.connect() as connection:
            query = "SELECT (SELECT count(*) FROM driftgate.metric) + (SELECT count(*) FROM driftgate.batch)"
            return int(connection.execute(text(query)).scalar_one())

    def stall(self) -> None:
        @event.listens_for(self.store.engine, "after_cursor_execute")
        def stop(*arguments: Any) -> None:
            if arguments[2].startswith("INSERT INTO driftgate.metric"):
                wait_for_the_end()


@dataclass
class MlflowSink:
    address: str
    down: str = "http://app:topsecret@127.0.0.1:1"

    def __post_init__(self) -> None:
        self.config = make_config()

    def write(self, measures: Measures) -> None:
        mlflow_runs.log_window(self.config, self.address, BATCH, GATE, measures, config_fingerprint="f00", dag_run=None)

    def values(self) -> dict[str, float] | None:
        run_id = mlflow_runs.find_run(self.address, self.config, WINDOW)
        if run_id is None:
            return None
        metrics = MlflowClient(self.address).get_run(run_id).data.metrics
        return {name.rpartition(".")[2]: value for name, value in metrics.items()}

    def count(self) -> int:
        client = MlflowClient(self.address)
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        return len(client.search_runs(experiments))

    def stall(self) -> None:
        def stop(*arguments: Any) -> None:
            wait_for_the_end()

        mlflow_runs._write_artifacts = stop


SINKS = {"postgres": PostgresSink, "mlflow": MlflowSink}


def at(sink: Sink, address: str) -> Sink:
    """Return the same kind of sink at another address."""
    return replace(sink, address=address)  # type: ignore[type-var]


def wait_for_the_end() -> None:
    print(IN_THE_MIDDLE, flush=True)
    time.sleep(600)


def main(kind: str, address: str, postgres: str) -> None:
    sink = SINKS[kind](address)
    sink.stall()
    with RecordStore.open(postgres).window_lock("trips", WINDOW, "record"):
        sink.write(make_measures(offset=1000.0, count=50))


if __name__ == "__main__":
    main(*sys.argv[1:])
