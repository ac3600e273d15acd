"""A small client for Airflow's REST interface: trigger runs, wait for them, answer approvals."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from driftgate.errors import ServiceError

ENDED = frozenset({"success", "failed"})


class AirflowApi:
    """One logged-in user of one Airflow.

    Parameters
    ----------
    url
        Address of the api-server, for example ``http://127.0.0.1:8080``.
    user, password
        Login of the auth manager.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        self._login = {"username": user, "password": password}
        self._client = httpx.Client(base_url=self.url, timeout=60, follow_redirects=True)
        self._authorise()

    def _authorise(self) -> None:
        try:
            answer = self._client.post("/auth/token", json=self._login)
        except httpx.TransportError as error:
            raise ServiceError(f"Airflow at {self.url} does not answer ({error}); see `driftgate status`") from error
        if answer.status_code not in (200, 201):
            raise ServiceError(
                f"Airflow at {self.url} refuses the login of {self._login['username']!r}: {answer.status_code} {answer.text[:200]}"
            )
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request below /api/v2; logs in again when the token has run out."""
        try:
            answer = self._client.request(method, f"/api/v2{path}", **options)
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                self._authorise()
                answer = self._client.request(method, f"/api/v2{path}", **options)
        except httpx.TransportError as error:
            raise ServiceError(f"Airflow at {self.url} does not answer ({error}); see `driftgate status`") from error
        return answer

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON of a GET; an answer other than 2xx is a ServiceError with its text."""
        return self._checked(self.request("GET", path, params=parameters))

    def _checked(self, answer: httpx.Response) -> Any:
        if answer.is_error:
            raise ServiceError(f"Airflow: {answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:400]}")
        return answer.json() if answer.content else None

    def has_dag(self, dag_id: str) -> bool:
        return self.request("GET", f"/dags/{dag_id}").status_code == httpx.codes.OK

    def import_errors(self) -> list[dict[str, Any]]:
        """Return what Airflow could not import, each with filename and stack_trace."""
        errors: list[dict[str, Any]] = self.get("/importErrors")["import_errors"]
        return errors

    def find_run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        answer = self.request("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        found: dict[str, Any] = self._checked(answer)
        return found

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
        return found

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> dict[str, Any]:
        """Start a run, or return the one that already has this id."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        answer = self.request("POST", f"/dags/{dag_id}/dagRuns", json=body)
        if answer.status_code == httpx.codes.CONFLICT and (known := self.find_run(dag_id, run_id)) is not None:
            return known
        found: dict[str, Any] = self._checked(answer)
        return found

    def wait(self, dag_id: str, run_id: str, timeout: float = 600, on_state: Callable[[str], None] | None = None) -> str:
        """Wait until a run has ended and return its state, `success` or `failed`.

        Raises
        ------
        ServiceError
            After ``timeout`` seconds, naming the tasks that have not ended.
        """
        limit, last = time.monotonic() + timeout, ""
        while time.monotonic() < limit:
            run = self.find_run(dag_id, run_id)
            state = str(run["state"]) if run else "missing"
            if state != last and on_state is not None:
                on_state(state)
            if state in ENDED:
                return state
            last = state
            time.sleep(0.5)
        open_tasks = [f"{name}={state}" for name, state in self.task_states(dag_id, run_id).items() if state != "success"]
        raise ServiceError(
            f"run {run_id} of {dag_id} has not ended after {timeout:.0f} s ({', '.join(open_tasks)}); see {self.run_url(dag_id, run_id)}"
        )

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        tasks = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: str(task["state"]) for task in tasks}

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        answer = self.request(
            "GET",
            f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}",
            params={"full_content": "true"},
            headers={"Accept": "application/json"},
        )
        return answer.text

    def answer_approval(self, dag_id: str, run_id: str, task_id: str, option: str) -> httpx.Response:
        """Answer a task that waits for a person (`Approve` or `Reject`)."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        return self.request("PATCH", path, json={"chosen_options": [option], "params_input": {}})

    def run_url(self, dag_id: str, run_id: str) -> str:
        return f"{self.url}/dags/{dag_id}/runs/{run_id}"

    def close(self) -> None:
        self._client.close()
