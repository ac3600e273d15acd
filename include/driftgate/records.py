"""The shared language: small frozen records that travel between steps, tasks and tables.

Rows never travel; a record carries keys, counts, paths and numbers. Every record turns into a JSON-ready dictionary with
:func:`to_dict` and back with its ``from_dict``, so that it can be an XCom value, a file or a row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from driftgate.vocabulary import DRIFT_FAMILIES as DRIFT_FAMILIES
from driftgate.vocabulary import UNVERSIONED as UNVERSIONED
from driftgate.vocabulary import Action as Action
from driftgate.vocabulary import BatchStatus as BatchStatus
from driftgate.vocabulary import Cause as Cause
from driftgate.vocabulary import Direction as Direction
from driftgate.vocabulary import Event as Event
from driftgate.vocabulary import Family as Family
from driftgate.vocabulary import GateVerdict as GateVerdict
from driftgate.vocabulary import MessageState as MessageState
from driftgate.vocabulary import MetricVerdict as MetricVerdict
from driftgate.vocabulary import RetrainVerdict as RetrainVerdict
from driftgate.vocabulary import Severity as Severity
from driftgate.vocabulary import Sink as Sink


@dataclass(frozen=True, order=True)
class Window:
    """The time slice [start, end) that is evaluated; both ends are kept as UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            value = getattr(self, name)
            if value.tzinfo is None:
                raise ValueError(f"window {name} {value.isoformat()} has no time zone; give one, for example +00:00")
            object.__setattr__(self, name, value.astimezone(UTC))
        if self.end <= self.start:
            raise ValueError(f"window end {self.end.isoformat()} is not after its start {self.start.isoformat()}")

    @property
    def key(self) -> str:
        """File-name and run-id safe key, for example ``20130405T040000Z-20130406T040000Z``."""
        return f"{self.start:%Y%m%dT%H%M%SZ}-{self.end:%Y%m%dT%H%M%SZ}"

    def __str__(self) -> str:
        return f"[{self.start.isoformat()}, {self.end.isoformat()})"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(datetime.fromisoformat(data["start"]), datetime.fromisoformat(data["end"]))


@dataclass(frozen=True)
class Batch:
    """One window's rows at rest: a Parquet file and what is known about it."""

    monitor: str
    window: Window
    status: BatchStatus
    rows: int = 0
    bytes: int = 0
    content_hash: str = ""
    path: str | None = None
    """Absolute path of the Parquet file; None when there is no data."""
    model_version: str | None = None
    """Version of the model that made the predictions in the file; None when nothing was scored."""
    dag_run: str | None = None
    note: str | None = None
    """Why the batch is in its state, for people (for example: columns added since the reference)."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**data, "window": Window.from_dict(data["window"]), "status": BatchStatus(data["status"])})


@dataclass(frozen=True)
class FailedExpectation:
    """One expectation that did not hold."""

    expectation: str
    column: str | None
    severity: str
    detail: str
    """Readable observation, for example ``3 of 924 values outside [0, 5000]``."""

    def __str__(self) -> str:
        return f"{self.expectation}({self.column or 'table'}): {self.detail}"


@dataclass(frozen=True)
class GateResult:
    """The gate's answer for one batch."""

    monitor: str
    window: Window
    suite: str
    verdict: GateVerdict
    evaluated: int
    failed: tuple[FailedExpectation, ...] = ()
    data_docs: str | None = None
    """Path of the validation page relative to the Data Docs site; None when no page was built."""
    result_path: str | None = None
    """Absolute path of the GX result as JSON."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        failed = tuple(FailedExpectation(**item) for item in data["failed"])
        return cls(
            **{
                **data,
                "window": Window.from_dict(data["window"]),
                "verdict": GateVerdict(data["verdict"]),
                "failed": failed,
            }
        )


@dataclass(frozen=True)
class Metric:
    """One number about one window, addressed by family, metric, column and segment."""

    family: Family
    metric: str
    value: float | None
    column: str = ""
    segment: str = ""
    threshold: float | None = None
    direction: Direction | None = None
    verdict: MetricVerdict | None = None
    """None for a number that is only recorded and never judged."""
    method: str | None = None
    reference_value: float | None = None
    low: float | None = None
    """Lower end of the 95 % range of the value; None where no range is given."""
    high: float | None = None

    @property
    def address(self) -> tuple[str, str, str, str]:
        return (self.family.value, self.metric, self.column, self.segment)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **data,
                "family": Family(data["family"]),
                "direction": Direction(data["direction"]) if data.get("direction") else None,
                "verdict": MetricVerdict(data["verdict"]) if data.get("verdict") else None,
            }
        )


@dataclass(frozen=True)
class Measures:
    """Every metric of one window for one model version."""

    monitor: str
    window: Window
    model_version: str
    rows: int
    metrics: tuple[Metric, ...] = ()

    def find(self, metric: str, column: str = "", family: str | None = None, segment: str = "") -> Metric | None:
        """Return the metric at this address, or None; a metric name alone is enough where it is unique."""
        for item in self.metrics:
            if (item.metric, item.column, item.segment) == (metric, column, segment) and family in (None, item.family):
                return item
        return None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **data,
                "window": Window.from_dict(data["window"]),
                "metrics": tuple(Metric.from_dict(item) for item in data["metrics"]),
            }
        )


@dataclass(frozen=True)
class Decision:
    """What is done about a window, with the reasons for and against."""

    monitor: str
    window: Window
    model_version: str
    action: Action
    reasons: tuple[str, ...] = ()
    reasons_against: tuple[str, ...] = ()
    breached: bool = False
    """Whether at least one rule of the policy was broken by this window alone."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **data,
                "window": Window.from_dict(data["window"]),
                "action": Action(data["action"]),
                "reasons": tuple(data["reasons"]),
                "reasons_against": tuple(data["reasons_against"]),
            }
        )


@dataclass(frozen=True)
class LikelyCause:
    """One column that may explain an incident."""

    column: str
    metric: str
    """What was seen on the column, for example ``drift_score``."""
    score: float | None = None
    threshold: float | None = None
    excess: float | None = None
    """How far beyond its threshold the column is, comparable between columns; larger is worse."""
    importance: float | None = None
    """Share of the model's importance that the column carries, 0 to 1; None when it is not known."""
    detail: str = ""
    """One sentence for people."""


@dataclass(frozen=True)
class Incident:
    """One open or closed problem of a monitor: one per cause, however many windows show it."""

    monitor: str
    cause: Cause
    opened: Window
    last_seen: Window
    count: int
    detail: str
    id: int = 0
    severity: Severity = Severity.WARNING
    """The worst seen while the incident was open."""
    model_version: str | None = None
    likely_causes: tuple[LikelyCause, ...] = ()
    acknowledged: datetime | None = None
    acknowledged_by: str | None = None
    resolved: datetime | None = None
    resolved_window: Window | None = None
    """The window that showed that the cause is gone; None while open."""


@dataclass(frozen=True)
class Message:
    """One notification about an incident (or a digest) to one channel."""

    key: str
    """Unique, for example ``incident:12:opened:operations``: whatever is done twice, one message is sent."""
    event: Event
    channel: str
    monitor: str = ""
    incident_id: int | None = None
    state: MessageState = MessageState.PENDING
    attempts: int = 0
    not_before: datetime | None = None
    last_error: str | None = None
    created_at: datetime | None = None
    sent_at: datetime | None = None
    id: int = 0


@dataclass(frozen=True)
class Export:
    """How sending one window to one optional sink ended last."""

    monitor: str
    window: Window
    sink: Sink
    sent: bool
    attempts: int = 1
    error: str | None = None


@dataclass(frozen=True)
class Comparison:
    """Champion and challenger on the same held-out rows.

    ``gain`` is how much better the challenger is, in units of the metric, positive is better whatever the metric's
    direction; ``gain_low`` and ``gain_high`` bound it at the configured confidence.
    """

    metric: str
    rows: int
    champion: Mapping[str, float]
    challenger: Mapping[str, float]
    champion_segments: Mapping[str, Mapping[str, float]]
    """Scores per ``column=value``."""
    challenger_segments: Mapping[str, Mapping[str, float]]
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    challenger_wins: bool
    reason: str

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)


@dataclass(frozen=True)
class Retraining:
    """One retraining: what caused it, both models, how it ended. Key: monitor and trigger window."""

    monitor: str
    trigger_window: Window
    verdict: RetrainVerdict
    champion_version: str | None
    challenger_version: str
    comparison: Comparison
    mlflow_run: str
    approver: str | None = None
    reason: str = ""
    dag_run: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **data,
                "trigger_window": Window.from_dict(data["trigger_window"]),
                "verdict": RetrainVerdict(data["verdict"]),
                "comparison": Comparison.from_dict(data["comparison"]),
            }
        )


def to_dict(record: Any) -> Any:
    """Turn a record into plain JSON-ready values (dates as ISO text, enums as text, tuples as lists)."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {field.name: to_dict(getattr(record, field.name)) for field in dataclasses.fields(record)}
    if isinstance(record, Mapping):
        return {str(key): to_dict(value) for key, value in record.items()}
    if isinstance(record, (list, tuple)):
        return [to_dict(value) for value in record]
    if isinstance(record, datetime):
        return record.isoformat()
    if isinstance(record, StrEnum):
        return record.value
    return record
