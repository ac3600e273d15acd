"""The fixed words of the records: states, verdicts, causes. Their values are what the tables hold."""

from __future__ import annotations

from enum import StrEnum


class BatchStatus(StrEnum):
    """Where a window's batch stands."""

    INGESTED = "ingested"
    QUARANTINED = "quarantined"
    MEASURED = "measured"
    NO_DATA = "no_data"
    FAILED = "failed"


class GateVerdict(StrEnum):
    """Answer of the gate for one batch."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"


class Family(StrEnum):
    """Families of metrics."""

    DATA_QUALITY = "data_quality"
    DATA_DRIFT = "data_drift"
    PREDICTION_DRIFT = "prediction_drift"
    TARGET_DRIFT = "target_drift"
    CONCEPT_DRIFT = "concept_drift"
    """The model's errors against the errors of the reference."""
    PERFORMANCE = "performance"
    PERFORMANCE_ESTIMATED = "performance_estimated"
    """Performance as far as it can be known without labels."""
    FAIRNESS = "fairness"
    """Gaps between groups."""
    KPI = "kpi"
    SYSTEM = "system"


DRIFT_FAMILIES = (Family.DATA_DRIFT, Family.PREDICTION_DRIFT, Family.TARGET_DRIFT)
"""Families of drift scores."""


class MetricVerdict(StrEnum):
    """Answer of one metric against its threshold."""

    OK = "ok"
    ALARM = "alarm"
    TOO_FEW_ROWS = "too_few_rows"


class Direction(StrEnum):
    """On which side of the threshold a value is an alarm (p-values: below; distances and errors: above)."""

    ABOVE = "above"
    BELOW = "below"


class Action(StrEnum):
    """What `decide` answers; the values are also the task ids of the branch."""

    NO_ACTION = "no_action"
    ALERT = "alert"
    RETRAIN = "trigger_retrain"


class Severity(StrEnum):
    """How bad an incident is."""

    WARNING = "warning"
    CRITICAL = "critical"


class Event(StrEnum):
    """What a message tells."""

    OPENED = "opened"
    RESOLVED = "resolved"
    APPROVAL = "approval"
    DIGEST = "digest"


class MessageState(StrEnum):
    """Where a message stands."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"  # refused for good, or given up after the last attempt
    DROPPED = "dropped"  # no longer needed, for example acknowledged before it was delivered


class Sink(StrEnum):
    """Optional places to which the metrics of a window are also sent."""

    PROMETHEUS = "prometheus"
    INFLUXDB = "influxdb"
    EVIDENTLY = "evidently"


class RetrainVerdict(StrEnum):
    """Where a retraining stands."""

    CHALLENGER_WINS = "challenger_wins"  # compared, waiting for approval or promotion
    CHAMPION_STAYS = "champion_stays"
    PROMOTED = "promoted"
    REJECTED = "rejected"  # a person said no, or nobody answered in time
    ROLLED_BACK = "rolled_back"


class Cause(StrEnum):
    """Causes of incidents."""

    GATE = "gate"  # the gate stopped a batch
    POLICY = "policy"  # rules of the decision policy are broken
    RUN = "run"  # a task of the monitor's DAG failed
    RETRAIN = "retrain"  # a task of the retraining DAG failed


UNVERSIONED = "source"
"""Model version of monitors whose rows bring their own predictions."""
