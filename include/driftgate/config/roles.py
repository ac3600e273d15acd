"""Which column of the rows plays which role."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from driftgate.config.section import Section
from driftgate.config.types import as_list

ColumnList = Annotated[list[str], BeforeValidator(as_list)]


class ColumnRoles(Section):
    """Which column plays which role. Columns without a role are not read."""

    timestamp: str
    id: ColumnList = Field(default_factory=list)
    target: str | None = None
    prediction: str = "prediction"
    prediction_proba: str | None = None
    """Binary: the column with the probability of ``positive_label``."""
    positive_label: str | int | bool | None = None
    """Binary: the value of the target that counts as positive; default 1 (or True)."""
    numerical: ColumnList = Field(default_factory=list)
    categorical: ColumnList = Field(default_factory=list)
    segments: ColumnList = Field(default_factory=list)
    """Columns by whose values performance is split; each must also be a feature or an id."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.features:
            raise ValueError("needs at least one column under 'numerical' or 'categorical'")
        roles = [self.timestamp, *self.features, self.prediction]
        roles += [name for name in (self.target, self.prediction_proba) if name]
        twice = sorted({name for name in roles if roles.count(name) > 1})
        if twice:
            raise ValueError(
                f"column {twice[0]!r} has more than one role; name it once among timestamp, target, prediction, numerical and categorical"
            )
        known = {*self.features, *self.id}
        stray = [name for name in self.segments if name not in known]
        if stray:
            raise ValueError(f"segment {stray[0]!r} is not among numerical, categorical or id; add it there too")
        return self

    @property
    def features(self) -> list[str]:
        return [*self.numerical, *self.categorical]

    @property
    def all(self) -> list[str]:
        """Every column that is kept, in a fixed order, without duplicates; predictions last."""
        names = [*self.id, self.timestamp, *self.features, self.target, self.prediction, self.prediction_proba]
        return list(dict.fromkeys(name for name in names if name))
