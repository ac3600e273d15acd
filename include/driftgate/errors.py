"""Errors of the library: one root, one class per kind of fault.

Every message says what is wrong, where (monitor, window, file, key) and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence


class DriftgateError(Exception):
    """Root of every error that Driftgate raises on purpose."""

    retryable = False
    """Whether trying again without changing anything may help (a server was down, a lock was held)."""


class ConfigError(DriftgateError):
    """A monitor file is not valid; carries every problem found, each as one readable line."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class SettingsError(DriftgateError):
    """A setting of the installation (environment, state folder) is missing or wrong."""


class SourceError(DriftgateError):
    """The rows of a window could not be read: missing file, unreadable content, failed query."""


class SchemaError(SourceError):
    """The rows were read but do not fit the column roles: a column is gone or of another type."""


class GateError(DriftgateError):
    """The gate could not be evaluated at all: the suite is missing or names columns that do not exist."""


class GateFailedError(DriftgateError):
    """The gate was evaluated and stopped the batch, which is now quarantined."""


class MeasureError(DriftgateError):
    """A metric could not be computed."""


class ModelNotFoundError(DriftgateError):
    """The registry holds no model for this monitor, or not the version asked for."""


class RetrainError(DriftgateError):
    """A challenger could not be trained or compared."""


class ServiceError(DriftgateError):
    """A server that Driftgate needs (PostgreSQL, MLflow) did not answer; trying again may help."""

    retryable = True


class StackError(DriftgateError):
    """The embedded stack could not be started, stopped or asked."""
