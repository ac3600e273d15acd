"""The monitor file as typed objects. Every key has a default except the few that only the user can know.

The commented reference for people is ``include/monitors/_template.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from driftgate.config.batch import BatchConfig
from driftgate.config.calibration import BudgetConfig, DetectConfig
from driftgate.config.execution import ExecutionConfig
from driftgate.config.fairness import FairnessConfig, check_fairness
from driftgate.config.kpis import KpiConfig, check_kpis, column_kinds
from driftgate.config.labels import LabelsConfig, check_labels
from driftgate.config.reference import ReferenceConfig
from driftgate.config.report import ReportConfig
from driftgate.config.residual import residual_column
from driftgate.config.roles import ColumnRoles
from driftgate.config.rule import Rule
from driftgate.config.rule_names import COLUMN_METRICS, DATASET_METRICS, ESTIMATED, check_rules
from driftgate.config.section import Section
from driftgate.config.sources import Source
from driftgate.config.types import CallablePath, Cron, Duration, LocalTime, Tag, as_list

MONITOR_ID = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
SUITE_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}$")
Task = Literal["regression", "binary", "multiclass"]

REGRESSION_METRICS = ("me", "mae", "rmse", "mape", "r2")
CLASSIFICATION_METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss")
HIGHER_IS_BETTER = frozenset({"r2", "accuracy", "precision", "recall", "f1", "roc_auc"})
DRIFT_METHODS = (
    "anderson", "chisquare", "cramer_von_mises", "ed", "es", "hellinger", "jensenshannon", "kl_div",
    "ks", "mannw", "psi", "t_test", "wasserstein", "z",
)  # fmt: skip


P_VALUE_METHODS = frozenset(
    {
        "anderson", "chisquare", "chisquare_two_sample", "cramer_von_mises", "cramer_von_mises_ties", "es", "ks",
        "mannw", "mannw_two_sided", "t_test", "z",
    }
)  # fmt: skip
"""Drift methods whose score is a p-value: small means drift. Every other method is a distance: large means drift."""


def performance_metrics(task: Task) -> tuple[str, ...]:
    """Names of the performance metrics of a task."""
    return REGRESSION_METRICS if task == "regression" else CLASSIFICATION_METRICS


TagList = Annotated[list[Tag], BeforeValidator(as_list)]


class ScheduleConfig(Section):
    """When the monitor DAG runs and in which time zone its windows are cut."""

    cron: Cron | None = "0 0 * * *"
    """None: only by hand."""
    timezone: str = "UTC"
    start: LocalTime | None = None
    end: LocalTime | None = None
    catchup: bool = False

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("is not a time zone; use an IANA name such as UTC or Europe/Berlin") from error
        return value

    @field_validator("catchup")
    @classmethod
    def _from_somewhere(cls, value: bool, info: ValidationInfo) -> bool:
        if value and "start" in info.data and info.data["start"] is None:
            raise ValueError("needs 'start', the date of the first window, when it is true; add start, or write catchup: false")
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class WindowConfig(Section):
    """Length of the time slice that one run evaluates."""

    size: Duration = timedelta(days=1)


class ModelConfig(Section):
    """Where predictions come from."""

    name: str | None = None
    """Registered model in MLflow; default: the monitor's id."""
    predictions: Literal["champion", "source"] = "champion"
    """`champion`: the registry's champion scores the rows; `source`: the rows bring the prediction column."""


class GateConfig(Section):
    """The Great Expectations suite that a batch must pass."""

    suite: str | None = None
    """Name of great_expectations/expectations/<suite>.json; None: the gate passes everything and says so."""
    on_failure: Literal["fail", "warn"] = "fail"
    """`warn` lets every batch go on; expectations of severity `warning` or `info` never stop a batch."""

    @field_validator("suite")
    @classmethod
    def _plain_name(cls, value: str | None) -> str | None:
        if value is not None and not SUITE_NAME.match(value):
            raise ValueError("is not a plain name; use letters, digits, '_', '-' and '.', as in the suite's file name without .json")
        return value


class ColumnMeasure(Section):
    """How one column's drift is measured, where the default does not fit."""

    method: str = "auto"
    threshold: float | None = None
    drift: bool = True
    """False: no drift score for this column (for example calendar columns)."""

    @field_validator("method")
    @classmethod
    def _known_method(cls, value: str) -> str:
        return _check_method(value)


def _check_method(value: str) -> str:
    if value != "auto" and value not in DRIFT_METHODS:
        raise ValueError(f"is not a drift method; use auto or one of {', '.join(DRIFT_METHODS)}")
    return value


class MeasuresConfig(Section):
    """Which drift method and limits are used."""

    thresholds: Literal["calibrated", "fixed"] = "calibrated"
    """`calibrated`: learned from the reference, within the budget; `fixed`: Evidently's own."""
    budget: BudgetConfig = BudgetConfig()
    detect: DetectConfig = DetectConfig()
    method_numerical: str = "auto"
    method_categorical: str = "auto"
    drift_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of drifted columns from which the data set as a whole counts as drifted."""
    missing_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """A column's missing share may exceed the reference's by this much."""
    minimum_rows: Annotated[int, Field(ge=1)] = 30
    """With fewer rows every verdict is too_few_rows."""
    minimum_segment_rows: Annotated[int, Field(ge=1)] = 50
    """Performance is split by ``columns.segments`` where a value has this many rows with label and prediction."""
    multivariate: Literal["none", "pca", "domain_classifier"] = "none"
    """A check of all features together, which sees changes that leave every single column alone."""
    columns: Mapping[str, ColumnMeasure] = Field(default_factory=dict)

    @field_validator("method_numerical", "method_categorical")
    @classmethod
    def _known_method(cls, value: str) -> str:
        return _check_method(value)


class DecisionConfig(Section):
    """When a window is an alert and when it is worth a retraining."""

    rules: list[Rule] | None = None
    """A window is breached when any rule is broken; None: see :attr:`MonitorConfig.rules`."""
    consecutive: Annotated[int, Field(ge=1)] = 3
    """Breached windows in a row before a retraining; an earlier breach is an alert."""
    cooldown: Duration = timedelta(days=7)
    """Time between the windows of two retrainings."""
    minimum_rows: Annotated[int, Field(ge=1)] = 100
    """Windows with fewer rows are never acted on."""


class RetrainConfig(Section):
    """How a challenger is trained, compared and approved."""

    enabled: bool = True
    trainer: CallablePath = "driftgate.retrain.trainers:hist_gradient_boosting"
    """Callable ``f(features, target, roles, task, params, timestamps) -> fitted scikit-learn estimator``."""
    params: Mapping[str, Any] = Field(default_factory=dict)
    training_window: Duration = timedelta(days=90)
    """How far back from the end of the trigger window training rows may lie."""
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the windows, the latest ones, kept for the comparison (at least one window)."""
    minimum_rows: Annotated[int, Field(ge=20)] = 200
    metric: str | None = None
    """What champion and challenger are compared by; default mae, or log_loss (f1 without probabilities)."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    minimum_gain: Annotated[float, Field(ge=0)] = 0.0
    """Relative gain that is too small to bother with, for example 0.02 for two per cent."""
    minimum_segment_rows: Annotated[int, Field(ge=1)] = 50
    approval: Literal["auto", "human"] = "human"
    approval_timeout: Duration = timedelta(days=3)
    """Nobody answering counts as no."""


class SinksConfig(Section):
    """Optional places to which a window's metrics are also sent; each does something only where its address is configured."""

    prometheus: bool = True
    influxdb: bool = True
    evidently: bool = True


class NotificationsConfig(Section):
    """Whether people are told about this monitor's incidents; where and when is in include/notifications.yaml."""

    enabled: bool = True


class MonitorConfig(Section):
    """One monitored model; made from one file under ``include/monitors``."""

    id: str
    description: str = ""
    owner: str = "driftgate"
    tags: TagList = Field(default_factory=list)
    task: Task
    source: Source
    columns: ColumnRoles
    schedule: ScheduleConfig = ScheduleConfig()
    window: WindowConfig = WindowConfig()
    batch: BatchConfig = BatchConfig()
    model: ModelConfig = ModelConfig()
    reference: ReferenceConfig = ReferenceConfig()
    gate: GateConfig = GateConfig()
    measures: MeasuresConfig = MeasuresConfig()
    decision: DecisionConfig = DecisionConfig()
    retrain: RetrainConfig = RetrainConfig()
    kpis: list[KpiConfig] = Field(default_factory=list)
    fairness: FairnessConfig = FairnessConfig()
    labels: LabelsConfig | None = None
    """Where labels come from that arrive later than the predictions; None: the source has them, or there are none."""
    report: ReportConfig = ReportConfig()
    sinks: SinksConfig = SinksConfig()
    notifications: NotificationsConfig = NotificationsConfig()
    execution: ExecutionConfig = ExecutionConfig()

    @field_validator("id")
    @classmethod
    def _valid_id(cls, value: str) -> str:
        if not MONITOR_ID.match(value):
            raise ValueError("is not a monitor id; use lower-case letters, digits and _, starting with a letter")
        return value

    @field_validator("kpis")
    @classmethod
    def _fitting_kpis(cls, value: list[KpiConfig], info: ValidationInfo) -> list[KpiConfig]:
        if "columns" in info.data and "task" in info.data:  # else they are reported already
            names = (*DATASET_METRICS, *COLUMN_METRICS, *REGRESSION_METRICS, *CLASSIFICATION_METRICS)
            check_kpis(value, column_kinds(info.data["columns"], info.data["task"]), names)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.labels is not None:
            check_labels(self.labels, self.columns)
        self._check_rules()
        check_fairness(self.fairness, self.columns, self.task)
        self._check_retrain_metric()
        stray = [name for name in self.measures.columns if name not in self.columns.all]
        if stray:
            raise ValueError(
                f"measures.columns names {stray[0]!r}, which has no role under columns; use one of {', '.join(self.columns.all)}"
            )
        if self.model.predictions == "source" and self.reference.kind == "training":
            raise ValueError(
                "reference.kind 'training' needs a champion that Driftgate trained; with model.predictions 'source' "
                "write reference: {kind: window, start: ..., end: ...}"
            )
        if self.model.predictions == "champion" and self.columns.target is None:
            raise ValueError("columns.target is needed to train a champion; name it, or set model.predictions to source")
        return self

    def _check_rules(self) -> None:
        check_rules(self.decision.rules or (), self.columns, self.kpis, self.fairness, performance_metrics(self.task), self.task)

    def _check_retrain_metric(self) -> None:
        allowed = performance_metrics(self.task)
        if self.retrain.metric is not None and self.retrain.metric not in allowed:
            raise ValueError(f"retrain.metric {self.retrain.metric!r} is unknown for task {self.task}; use one of {', '.join(allowed)}")

    @property
    def rules(self) -> list[Rule]:
        """The rules of the decision.

        By default what pages is the model's performance, as far as labels tell, else as it is estimated, in single windows and slowly
        changing over several; with fixed thresholds, half of the columns drifting.
        """
        if self.decision.rules is not None:
            return self.decision.rules
        if self.measures.thresholds == "fixed":
            return [Rule(metric="drift_share", above=0.5)]
        primary = self.primary_metric
        return [
            Rule(metric=primary, calibrated=True),
            Rule(metric="slow_drift", column=residual_column(self.columns), calibrated=True),
            Rule(metric=ESTIMATED + primary, calibrated=True),
        ]

    @property
    def primary_metric(self) -> str:
        """The metric that models are judged by where nothing else is said: mae, log_loss with probabilities, else f1."""
        if self.retrain.metric is not None:
            return self.retrain.metric
        if self.task == "regression":
            return "mae"
        return "log_loss" if self.task == "binary" and self.columns.prediction_proba is not None else "f1"

    @property
    def model_name(self) -> str:
        return self.model.name or self.id

    @property
    def monitor_dag_id(self) -> str:
        return f"monitor__{self.id}"

    @property
    def retrain_dag_id(self) -> str:
        return f"retrain__{self.id}"


class LoadedMonitor(BaseModel):
    """A monitor and the file it came from."""

    model_config = ConfigDict(frozen=True)
    config: MonitorConfig
    path: Path
    fingerprint: str
    """Hash of the file's content: which configuration a run used."""
