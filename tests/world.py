"""A running stack as the integration tests see it: the command line, the records, Airflow and MLflow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from driftgate.airflow_api import AirflowApi
from driftgate.settings import Settings

Completed = subprocess.CompletedProcess[str]
NOTIFICATIONS = """\
channels:
  mail: {kind: email, connection: test_mail, to: [oncall@example.org]}
  slack: {kind: slack, connection: test_slack}
  teams: {kind: teams, connection: test_teams}
  hook: {kind: webhook, connection: test_webhook}
routes:
  - channels: [mail, slack, teams, hook]
"""
"""Where the stack of the tests sends its messages: to the receivers."""
TABLES = ("batch", "gate_result", "metric", "decision", "incident", "retraining", "report")


class World:
    """One stack with its state folder."""

    demo: Completed
    settings: Settings

    def __init__(self, project_root: Path, base: Path, environ: Mapping[str, str]) -> None:
        self.project_root, self.base, self.environ = project_root, base, dict(environ)

    def run(self, *arguments: str, timeout: float = 300, check: bool = True) -> Completed:
        """Run `driftgate ...` as a person would."""
        command = [sys.executable, "-m", "driftgate.cli", *arguments]
        done = subprocess.run(
            command, env=self.environ, cwd=self.project_root, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert not check or done.returncode == 0, f"driftgate {' '.join(arguments)} gave {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    def airflow_command(self, *arguments: str) -> Completed:
        """Run Airflow's own command line with the environment of the stack."""
        code = (
            "import os,sys;"
            "from driftgate.settings import load;"
            "from driftgate.stack import environment, state;"
            "from driftgate.stack.layout import for_settings;"
            "s=load(); l=for_settings(s);"
            "os.environ.update(environment.airflow(s, l, state.load(l), os.environ));"
            "os.execv(sys.executable, [sys.executable, '-m', 'airflow', *sys.argv[1:]])"
        )
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, env=self.environ, cwd=self.project_root, capture_output=True, text=True, timeout=300, check=True)

    @property
    def monitors(self) -> Path:
        return Path(self.environ["DRIFTGATE_MONITORS_DIR"])

    @cached_property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def process(self, name: str) -> dict[str, Any]:
        found = json.loads(self.run("status", "--json", check=False).stdout)
        return next(item for item in found["processes"] if item["name"] == name)

    @cached_property
    def login(self) -> tuple[str, str]:
        """User name and password of a person."""
        login = self.status["login"]
        return login["user"], json.loads(Path(login["password_file"]).read_text())[login["user"]]

    @cached_property
    def api(self) -> AirflowApi:
        return AirflowApi(self.status["addresses"]["Airflow"], *self.login)

    @cached_property
    def engine(self) -> Any:
        return create_engine(self.settings.require_database())

    def sql(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement), parameters).mappings()]

    def sql_write(self, statement: str, **parameters: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def counts(self) -> dict[str, int]:
        return {name: self.sql(f"SELECT count(*) AS n FROM driftgate.{name}")[0]["n"] for name in TABLES}

    def metrics(self, day: str, monitor: str = "flights") -> list[dict[str, Any]]:
        """Return every metric of a local day of flights, in a fixed order."""
        return self.sql(
            'SELECT model_version, family, metric, "column", segment, value, threshold, verdict FROM driftgate.metric '
            "WHERE monitor = :monitor AND (window_start AT TIME ZONE 'America/New_York')::date = cast(:day AS date) ORDER BY 1, 2, 3, 4, 5",
            monitor=monitor,
            day=day,
        )

    def batch(self, day: str, monitor: str = "flights", zone: str = "America/New_York") -> dict[str, Any]:
        found = self.sql(
            "SELECT * FROM driftgate.batch WHERE monitor = :monitor AND (window_start AT TIME ZONE :zone)::date = cast(:day AS date)",
            monitor=monitor,
            day=day,
            zone=zone,
        )
        assert len(found) == 1, f"{monitor} {day}: {len(found)} batches"
        return found[0]

    def mlflow_runs(self, monitor: str, window_key: str) -> list[Any]:
        from mlflow import MlflowClient

        client = MlflowClient(self.settings.require_mlflow())
        experiment = client.get_experiment_by_name(f"driftgate/{monitor}")
        assert experiment is not None
        wanted = f"tags.`driftgate.monitor` = '{monitor}' AND tags.`driftgate.window` = '{window_key}'"
        return list(client.search_runs([experiment.experiment_id], wanted))

    def run_dag(self, dag_id: str, run_id: str, timeout: float = 240, **conf: Any) -> str:
        """Trigger a run, wait for its end and return its state."""
        self.api.trigger(dag_id, run_id, conf)
        return self.api.wait(dag_id, run_id, timeout)

    def add_monitor(self, name: str, content: str) -> None:
        """Put a monitor file there and wait until Airflow shows its DAGs."""
        (self.monitors / f"{name}.yaml").write_text(content, encoding="utf-8")
        self.wait_for(lambda: self.api.has_dag(f"monitor__{name}") and self.api.has_dag(f"retrain__{name}"), 120, f"DAGs of {name}")

    def settle(self) -> None:
        """Wait until no run of any monitor or retraining is under way."""

        def quiet() -> bool:
            runs = self.api.get("/dags/~/dagRuns", state=["running", "queued"])["dag_runs"]
            return not runs

        self.wait_for(quiet, 240, "quiet")

    @staticmethod
    def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> None:
        limit = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < limit, f"{what}: not within {seconds:.0f} s"
            time.sleep(0.5)
