from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from driftgate.errors import StackError
from driftgate.stack import ports


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((ports.HOST, 0))
        server.listen(1)
        yield server.getsockname()[1]


def _quiet(_: str) -> None:
    return None


def test_recorded_ports_are_kept_when_they_are_free(taken_port: int) -> None:
    free = taken_port + 1
    recorded = {"airflow": free, "mlflow": free + 10, "postgres": free + 20, "evidently": free + 30}
    assert ports.choose({}, recorded, echo=_quiet) == recorded


def test_a_taken_port_is_replaced_and_said_so(taken_port: int) -> None:
    said: list[str] = []
    chosen = ports.choose({}, {"mlflow": taken_port}, echo=said.append)
    assert chosen["mlflow"] > taken_port
    assert any(f"port {taken_port} is taken" in line and str(chosen["mlflow"]) in line for line in said)


def test_every_service_gets_a_port_of_its_own(taken_port: int) -> None:
    same = dict.fromkeys(ports.PREFERRED, taken_port + 1)
    assert len(set(ports.choose({}, same, echo=_quiet).values())) == 4


def test_a_fixed_port_that_is_taken_is_an_error_that_names_the_variable(taken_port: int) -> None:
    with pytest.raises(StackError, match=rf"DRIFTGATE_POSTGRES_PORT={taken_port}.*taken by another program.*free port"):
        ports.choose({"DRIFTGATE_POSTGRES_PORT": str(taken_port)}, {}, echo=_quiet)


def test_a_fixed_port_wins_over_the_recorded_one(taken_port: int) -> None:
    chosen = ports.choose({"DRIFTGATE_MLFLOW_PORT": str(taken_port + 7)}, {"mlflow": taken_port + 3}, echo=_quiet)
    assert chosen["mlflow"] == taken_port + 7


def test_a_stack_of_an_earlier_version_keeps_its_ports_and_gets_the_new_one(taken_port: int) -> None:
    recorded = {"airflow": taken_port + 1, "mlflow": taken_port + 2, "postgres": taken_port + 3}
    chosen = ports.choose({}, recorded, echo=_quiet)
    assert {**chosen, **recorded} == chosen
    assert chosen["evidently"] not in recorded.values()


@pytest.mark.parametrize("value", ["abc", "0", "70000", "-1", "80.5"])
def test_a_fixed_port_that_is_no_port_is_an_error(value: str) -> None:
    with pytest.raises(StackError, match=r"DRIFTGATE_AIRFLOW_PORT.*is not a port"):
        ports.choose({"DRIFTGATE_AIRFLOW_PORT": value}, {}, echo=_quiet)


def test_two_fixed_ports_may_not_be_equal() -> None:
    with pytest.raises(StackError, match="DRIFTGATE_AIRFLOW_PORT and DRIFTGATE_MLFLOW_PORT are both 9999"):
        ports.explicit_ports({"DRIFTGATE_AIRFLOW_PORT": "9999", "DRIFTGATE_MLFLOW_PORT": "9999"})


def test_a_port_base_places_the_services_side_by_side(taken_port: int) -> None:
    base = taken_port + 1
    chosen = ports.choose({}, {"airflow": 1}, port_base=base, echo=_quiet)
    assert base <= chosen["airflow"] < chosen["mlflow"] < chosen["postgres"] < chosen["evidently"]


def test_two_stacks_that_start_at_once_choose_different_ports(taken_port: int) -> None:
    base = taken_port + 1
    with ports.Claims() as one, ports.Claims() as other:
        first = ports.choose({}, {}, port_base=base, take=one.take, echo=_quiet)
        second = ports.choose({}, {}, port_base=base, take=other.take, echo=_quiet)
        assert set(first.values()).isdisjoint(second.values())
        one.release()
        assert other.take(first["airflow"])


def test_a_claim_ends_with_the_process_that_made_it(taken_port: int) -> None:
    port = taken_port + 1
    hold = f"from driftgate.stack.ports import Claims; held = Claims(); print(held.take({port}), flush=True); input()"
    with (
        subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder,
        ports.Claims() as mine,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "True"
        assert not mine.take(port)
        holder.kill()
        holder.wait()
        assert mine.take(port)


def test_a_port_somebody_listens_on_is_not_claimed(taken_port: int) -> None:
    with ports.Claims() as claims:
        assert not claims.take(taken_port)
        assert claims.take(taken_port + 1)
        assert not claims.take(taken_port + 1)
