"""The section `reference` of a monitor file."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

import factories
from driftgate.config.reference import ReferenceConfig


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"length": "7d"}, "'length' and 'gap' belong to kind 'trailing', not 'training'"),
        ({"kind": "last_year", "gap": "1d"}, "belong to kind 'trailing', not 'last_year'"),
        ({"kind": "trailing", "length": "0d"}, "must be longer than zero"),
        ({"kind": "trailing", "gap": "soon"}, "is not a duration"),
        ({"minimum_rows": 300, "max_rows": 200}, "minimum_rows 300 is more than max_rows 200"),
        ({"match": "season"}, "'none', 'weekday', 'month' or 'hour_of_week'"),
        ({"kind": "window", "start": "2024-01-01"}, "needs 'start' and 'end'"),
    ],
)
def test_what_makes_no_sense_is_refused(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        ReferenceConfig.model_validate(keys)


@pytest.mark.parametrize("gap", ["0d", 0, "0h", "36h"])
def test_a_reference_survives_being_written_and_read(gap: Any) -> None:
    config = ReferenceConfig.model_validate({"kind": "trailing", "gap": gap, "length": "2w", "match": "weekday"})
    assert ReferenceConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize("kind", ["trailing", "last_year"])
def test_rows_with_their_own_predictions_may_be_compared_with_earlier_ones_but_not_with_training_rows(kind: str) -> None:
    assert factories.make_config(model={"predictions": "source"}, reference={"kind": kind}).reference.kind == kind
    with pytest.raises(ValidationError, match="needs a champion"):
        factories.make_config(model={"predictions": "source"})
