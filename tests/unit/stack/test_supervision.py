"""What the supervisor of an earlier release does not know is not running."""

from __future__ import annotations

import xmlrpc.client
from typing import Any

import pytest

from driftgate.errors import StackError
from driftgate.settings import Settings
from driftgate.stack.layout import for_settings
from driftgate.stack.supervision import ProcessInfo, Supervisor


class Answering(Supervisor):
    """A supervisor that answers every stop with this fault."""

    def __init__(self, settings: Settings, fault: str) -> None:
        super().__init__(for_settings(settings))
        self.fault = fault

    def _call(self, method: str, *arguments: Any) -> Any:
        raise xmlrpc.client.Fault(10, self.fault)

    def processes(self) -> dict[str, ProcessInfo]:
        return {}


@pytest.mark.parametrize("fault", ["BAD_NAME: evidently-ui", "NOT_RUNNING: evidently-ui"])
def test_a_program_that_is_not_there_is_stopped_already(settings: Settings, fault: str) -> None:
    Answering(settings, fault).stop_programs(["evidently-ui"])


def test_any_other_refusal_is_an_error_that_names_the_program(settings: Settings) -> None:
    with pytest.raises(StackError, match="evidently-ui could not be stopped: FAILED: evidently-ui"):
        Answering(settings, "FAILED: evidently-ui").stop_programs(["evidently-ui"])
