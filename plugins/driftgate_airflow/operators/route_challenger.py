"""Operator: choose what follows a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class RouteChallengerOperator(BaseBranchOperator):
    """Send a winning challenger on, to approval or straight to promotion; otherwise keep the champion.

    Parameters
    ----------
    retraining
        What `compare` returned.
    if_wins, if_promoted, if_loses
        Ids of the tasks that follow a win, a promotion that an earlier run had finished, and anything else.
    """

    template_fields: Sequence[str] = ("retraining",)
    ui_color = "#e8f1f8"

    def __init__(self, *, retraining: Mapping[str, Any], if_wins: str, if_promoted: str, if_loses: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retraining = retraining
        self.if_wins = if_wins
        self.if_promoted = if_promoted
        self.if_loses = if_loses

    def choose_branch(self, context: Context) -> str:
        from driftgate.records import Retraining, RetrainVerdict

        done = Retraining.from_dict(self.retraining)
        branches = {RetrainVerdict.CHALLENGER_WINS: self.if_wins, RetrainVerdict.PROMOTED: self.if_promoted}
        return branches.get(done.verdict, self.if_loses)
