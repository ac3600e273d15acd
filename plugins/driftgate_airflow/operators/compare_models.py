"""Operator: score champion and challenger on the same held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from driftgate_airflow.operators.base import DriftgateOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from driftgate.records import Comparison, Retraining

SUMMARY_KEY = "summary"
"""XCom key of the comparison as Markdown, shown to whoever approves."""


class CompareModelsOperator(DriftgateOperator):
    """Compare both models and record the outcome.

    Parameters
    ----------
    plan, challenger
        What `build_training_set` and `train_challenger` returned.
    """

    template_fields: Sequence[str] = (*DriftgateOperator.template_fields, "plan", "challenger")
    weight = "heavy"

    def __init__(self, *, plan: Mapping[str, Any], challenger: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.challenger = challenger

    def execute(self, context: Context) -> dict[str, Any]:
        from driftgate import retraining
        from driftgate.records import Window, to_dict
        from driftgate.retrain.registration import Challenger
        from driftgate.retrain.training_set import TrainingSet

        done = retraining.compare(
            self.open_context(),
            TrainingSet.from_dict(self.plan["training_set"]),
            Challenger.from_dict(self.challenger),
            Window.from_dict(self.plan["trigger_window"]),
            dag_run=context["dag_run"].run_id,
        )
        context["ti"].xcom_push(key=SUMMARY_KEY, value=describe(done, str(context["params"].get("reason") or "")))
        self.log.info("%s: %s", done.verdict, done.reason)
        result: dict[str, Any] = to_dict(done)
        return result


def describe(done: Retraining, cause: str = "") -> str:
    """Write a comparison as Markdown: both scores per metric and per segment."""
    comparison = done.comparison
    champion = f"champion (version {done.champion_version})" if done.champion_version else "champion (none yet)"
    lines = [
        f"Trigger window: {done.trigger_window}" + (f", because: {cause}" if cause else ""),
        "",
        f"**{comparison.reason}** Judged by `{comparison.metric}` on {comparison.rows} held-out rows.",
        "",
        f"| | {champion} | challenger (version {done.challenger_version}) |",
        "|---|---|---|",
        *_rows("", comparison.champion, comparison.challenger),
    ]
    for segment in sorted({*comparison.champion_segments, *comparison.challenger_segments}):
        lines += _segment(comparison, segment)
    return "\n".join(lines)


def _segment(comparison: Comparison, segment: str) -> list[str]:
    metric, scores = comparison.metric, (comparison.champion_segments.get(segment, {}), comparison.challenger_segments.get(segment, {}))
    return _rows(f"{segment}: ", *({name: value for name, value in item.items() if name in (metric, "rows")} for item in scores))


def _rows(prefix: str, champion: Mapping[str, float], challenger: Mapping[str, float]) -> list[str]:
    names = dict.fromkeys([*champion, *challenger])
    return [f"| {prefix}{name} | {_number(champion.get(name))} | {_number(challenger.get(name))} |" for name in names]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
