"""Failed expectations as sentences for people, and the verdict that follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from driftgate.records import FailedExpectation, GateVerdict

_EXAMPLES = 3
_LONGEST = 300
_CONDITIONS = {
    "expect_column_values_to_not_be_null": "are null",
    "expect_column_values_to_be_null": "are not null",
    "expect_column_values_to_be_unique": "are not unique",
    "expect_compound_columns_to_be_unique": "are not unique",
    "expect_column_values_to_be_increasing": "do not increase",
    "expect_column_values_to_be_decreasing": "do not decrease",
}


def failed_expectations(outcome: Mapping[str, Any]) -> tuple[FailedExpectation, ...]:
    """List what did not hold in a validation result (as JSON), most severe first."""
    order = {"critical": 0, "warning": 1, "info": 2}
    failed = [_describe(item) for item in outcome["results"] if not item["success"]]
    return tuple(sorted(failed, key=lambda item: order.get(item.severity, 0)))


def judge(failed: Sequence[FailedExpectation], on_failure: str) -> GateVerdict:
    """Return the verdict: `fail` for a critical expectation that did not hold, unless ``gate.on_failure`` is `warn`."""
    if not failed:
        return GateVerdict.PASS
    critical = any(item.severity == "critical" for item in failed)
    return GateVerdict.FAIL if critical and on_failure == "fail" else GateVerdict.WARN


def _describe(item: Mapping[str, Any]) -> FailedExpectation:
    expectation = item["expectation_config"]
    arguments = expectation["kwargs"]
    columns = arguments.get("column") or ", ".join(arguments.get("column_list") or ()) or None
    return FailedExpectation(
        expectation=expectation["type"],
        column=columns,
        severity=expectation.get("severity") or "critical",
        detail=(_exception(item) or _observation(expectation["type"], arguments, item.get("result") or {}))[:_LONGEST],
    )


def _exception(item: Mapping[str, Any]) -> str | None:
    """Return the short message of an expectation that could not be evaluated."""
    information = item.get("exception_info") or {}
    entries = [information] if "raised_exception" in information else list(information.values())
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("raised_exception"):
            return f"could not be evaluated: {' '.join(str(entry.get('exception_message')).split())}"
    return None


def _observation(kind: str, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    if result.get("unexpected_count") is None:
        return f"observed {_shown(result.get('observed_value'))}, expected {_expected(arguments)}"
    condition = _CONDITIONS.get(kind, f"are not {_expected(arguments)}")
    text = f"{result['unexpected_count']} of {result.get('element_count', '?')} values {condition}"
    mostly = arguments.get("mostly")
    if mostly is not None and mostly < 1:
        text += f" (at most {100 * (1 - mostly):g} % may be)"
    return text + _examples(kind, result)


def _examples(kind: str, result: Mapping[str, Any]) -> str:
    if kind in ("expect_column_values_to_not_be_null", "expect_compound_columns_to_be_unique"):
        return ""
    values = list(dict.fromkeys(_shown(value) for value in result.get("partial_unexpected_list") or ()))
    return f", for example {', '.join(values[:_EXAMPLES])}" if values else ""


def _expected(arguments: Mapping[str, Any]) -> str:
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if low is not None or high is not None:
        return f"in [{'-inf' if low is None else _shown(low)}, {'inf' if high is None else _shown(high)}]"
    if arguments.get("value_set") is not None:
        values = [_shown(value) for value in arguments["value_set"]]
        return f"in {{{', '.join(values[:10])}{', ...' if len(values) > 10 else ''}}}"
    others = {name: value for name, value in arguments.items() if name not in ("column", "column_list", "batch_id", "mostly")}
    return ", ".join(f"{name} {_shown(value)}" for name, value in others.items()) or "otherwise"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        return f"{value:,.10g}" if isinstance(value, float) else f"{value:,}"
    return str(value)
