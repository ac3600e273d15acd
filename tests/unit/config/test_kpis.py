"""KPIs in a monitor file: what is accepted, and what a person reads when something is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from driftgate.config.expressions import LONGEST, Apply, Column, Constant, columns_in, is_free_of_size, parse
from driftgate.config.loader import load_monitor
from driftgate.config.models import MonitorConfig
from driftgate.errors import ConfigError
from factories import make_binary_config, make_config


def with_kpi(expression: str, **other: Any) -> MonitorConfig:
    return make_config(kpis=[{"name": "late_share", "expression": expression, **other}])


def problem(build: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        build()
    (error,) = caught.value.errors()
    return str(error["msg"])


# --- what is accepted -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        "count()",
        "count(duration)",
        "count(ts)",
        "count(vendor == 'a')",
        "mean(abs(duration - prediction))",
        "quantile(duration / distance, 0.9)",
        "100 * sum(duration) / count()",
        "-mean(distance) + +1",
        "max(duration) - min(duration)",
        "share(duration > mean(duration))",
        "share(5 < distance <= 15 and not missing(duration) or vendor in ['a', 'b'])",
        "share(hour not in (1, -2, 3))",
        "share(column('vendor') != 'a')",
        "share(trip_id == vendor)",
        "share(missing(ts))",
        "  median(\n  distance)  ",
    ],
)
def test_an_expression_of_the_language_is_accepted(expression: str) -> None:
    assert with_kpi(expression).kpis[0].expression == expression


def test_class_labels_are_texts_and_probabilities_numbers() -> None:
    expressions = ["share(late == '1')", "mean(late_proba)", "share(prediction == late)"]
    kpis = [{"name": f"kpi_{index}", "expression": text} for index, text in enumerate(expressions)]
    assert len(make_binary_config(kpis=kpis).kpis) == 3
    assert "'1'" in problem(lambda: make_binary_config(kpis=[{"name": "late_share", "expression": "share(late == True)"}]))
    wrong = problem(lambda: make_binary_config(kpis=[{"name": "late_share", "expression": "share(late == 1)"}]))
    assert "'late == 1' compares a number with a text; texts (ids, categories, class labels) are compared with constants in quotes" in wrong


def test_the_tree_is_what_is_written() -> None:
    assert parse("sum(a) / 2") == Apply("/", (Apply("sum", (Column("a"),)), Constant(2.0)))
    assert parse("share(1 < a < -2)") == Apply(
        "share", (Apply("and", (Apply("<", (Constant(1.0), Column("a"))), Apply("<", (Column("a"), Constant(-2.0))))),)
    )
    assert parse("share(a not in ['x'])") == Apply("share", (Apply("not", (Apply("in", (Column("a"), Constant("x"))),)),))
    assert list(columns_in(parse("mean(a) + share(column('b c') > a)"))) == ["a", "b c", "a"]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("mean(duration", "'mean(duration' cannot be read ('(' was never closed); write for example mean(x)", id="syntax"),
        pytest.param("", "cannot be read", id="empty"),
        pytest.param("(" * 240 + "1" + ")" * 240, "cannot be read", id="nested"),
        pytest.param("1" * (LONGEST + 1), f"has {LONGEST + 1} characters; at most {LONGEST}", id="long"),
        pytest.param("avg(duration)", "there is no function 'avg'", id="function"),
        pytest.param("medain(duration)", "did you mean 'median'?", id="misspelt function"),
        pytest.param(
            "mean(durations)", "'durations' has no role under columns; did you mean 'duration'? columns: trip_id, ts,", id="column"
        ),
        pytest.param("mean()", "mean takes 1 argument", id="argument missing"),
        pytest.param("mean(duration, distance)", "mean takes 1 argument", id="argument too many"),
        pytest.param("quantile(duration)", "quantile takes 2 arguments", id="quantile without level"),
        pytest.param("quantile(duration, 90)", "the second argument is a number from 0 to 1", id="quantile level"),
        pytest.param("mean(x=duration)", "mean takes 1 argument, without keywords", id="keyword"),
        pytest.param(
            "duration", "'duration' is a number per row, not a number that is made from the rows of a window; put it", id="column alone"
        ),
        pytest.param("duration > 15", "is a condition per row, not a number", id="condition alone"),
        pytest.param("3 + 4", "is one number, not a number that is made from the rows", id="constants alone"),
        pytest.param("mean(duration > 15)", "mean needs a number per row; write count() or share() for conditions", id="mean of condition"),
        pytest.param("share(duration)", "share needs a condition, for example share(x > 15), not a number per row", id="share of numbers"),
        pytest.param("mean(vendor)", "mean needs a number per row, not a text per row", id="mean of texts"),
        pytest.param("mean(ts)", "mean needs a number per row, not a moment per row", id="mean of moments"),
        pytest.param("mean(mean(duration))", "mean needs a number per row, not one number", id="mean of a mean"),
        pytest.param("mean(duration + vendor)", "'duration + vendor': + needs numbers, not a text per row", id="text added"),
        pytest.param("share(vendor == 1)", "compares a number with a text", id="text with number"),
        pytest.param("share(vendor < 'b')", "texts have no order; use ==, != or in", id="order of texts"),
        pytest.param("share(vendor in [1])", "compares a number with a text", id="in of another kind"),
        pytest.param("share(vendor in other)", "after in comes a list of constants", id="in without list"),
        pytest.param("share(vendor in [])", "after in comes a list of constants", id="in of nothing"),
        pytest.param("share(1 < 2)", "compares nothing that differs from row to row", id="constants compared"),
        pytest.param("share(ts > 5)", "compares a moment per row with one number", id="moment compared"),
        pytest.param("share(distance and hour)", "and needs conditions, for example x > 15, not a number per row", id="and of numbers"),
        pytest.param("share(~missing(hour))", "~ is not allowed; write not", id="tilde"),
        pytest.param("mean(distance ** 2)", "this operator is not allowed", id="power"),
        pytest.param("share(distance is 2)", "this operator is not allowed", id="is"),
        pytest.param("mean(1e999 * distance)", "too large a number", id="infinity"),
        pytest.param(f"mean({'9' * 400} * distance)", "too large a number", id="huge"),
        pytest.param("mean(2j * distance)", "neither a number nor a text", id="complex"),
        pytest.param("column(3)", "column takes a name in quotes", id="column number"),
    ],
)
def test_what_is_wrong_with_an_expression_is_said_with_the_remedy(expression: str, expected: str) -> None:
    assert expected in problem(lambda: with_kpi(expression))


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')",
        "mean(distance.__class__)",
        "(lambda: 1)()",
        "[x for x in distance]",
        "mean(distance[0])",
        "f'{distance}'",
        "mean(*distance)",
        "open('secret')",
        "(x := 1)",
        "mean(distance if hour else hour)",
        "count() if True else 0",
        "{'a': 1}",
        "mean(distance); mean(hour)",
        "await_ @ distance",
    ],
)
def test_code_is_refused(expression: str) -> None:
    assert problem(lambda: with_kpi(expression))


@pytest.mark.parametrize(
    ("kpi", "expected"),
    [
        ({"name": "Late Share"}, "is not the name of a KPI; use lower-case letters"),
        ({"name": "mae"}, "kpis[0].name 'mae' is already the name of a metric; choose another one"),
        ({"name": "f1"}, "already the name of a metric"),
        ({"name": "rows"}, "already the name of a metric"),
        ({"name": "drift_share"}, "already the name of a metric"),
        ({"above": 1, "below": 2}, "has both above and below; keep one"),
    ],
    ids=str,
)
def test_names_and_limits_are_checked(kpi: dict[str, Any], expected: str) -> None:
    assert expected in problem(lambda: with_kpi("count()", **kpi))


def test_two_kpis_cannot_have_one_name() -> None:
    twice = [{"name": "trips_made", "expression": "count()"}] * 2
    assert "kpis[1].name 'trips_made' is already the name of another KPI" in problem(lambda: make_config(kpis=twice))


def test_the_problem_is_named_with_file_line_and_key(tmp_path: Path) -> None:
    content = make_config().model_dump(mode="json", include={"id", "task"})
    content |= {
        "source": {"kind": "files", "path": "x"},
        "columns": {"timestamp": "ts", "target": "duration", "numerical": ["distance"]},
    }
    head = yaml.safe_dump(content)
    line = len(head.splitlines()) + 1

    def said(kpis: str) -> str:
        (tmp_path / "trips.yaml").write_text(head + kpis)
        with pytest.raises(ConfigError) as caught:
            load_monitor(tmp_path / "trips.yaml")
        return str(caught.value)

    wrong_syntax = said("kpis:\n  - name: late_share\n    expression: share(duration >)\n")
    assert f"trips.yaml:{line + 2}: kpis.0.expression: 'share(duration >)' cannot be read" in wrong_syntax
    wrong_column = said("kpis:\n  - name: late_share\n    expression: share(lateness > 5)\n")
    assert f"trips.yaml:{line}: kpis: kpis[0].expression of late_share: 'lateness' has no role under columns" in wrong_column
    wrong_key = said("kpis:\n  - {name: late_share, expresion: count()}\n")
    assert "did you mean 'expression'?" in wrong_key


# --- rules ------------------------------------------------------------------------------------------------------------


def with_rule(expression: str, **rule: Any) -> MonitorConfig:
    return make_config(kpis=[{"name": "late_share", "expression": expression}], decision={"rules": [{"metric": "late_share", **rule}]})


def test_a_rule_may_name_a_kpi() -> None:
    assert with_rule("share(duration > 15)", above=0.5).decision.rules[0].metric == "late_share"
    assert with_rule("share(duration > 15)", above_reference=1.5)
    assert with_rule("sum(duration)", above=1000)


def test_a_rule_on_a_kpi_is_checked() -> None:
    assert "is not allowed because late_share is measured on the window as a whole" in problem(
        lambda: with_rule("count()", above=1, column="vendor")
    )
    grows = problem(lambda: with_rule("sum(duration)", above_reference=1.5))
    assert "sum(duration) grows with the number of rows; use above or below, or a ratio such as sum(x) / count()" in grows
    unknown = problem(lambda: make_config(decision={"rules": [{"metric": "late_share", "above": 1}]}))
    assert "'late_share' is unknown" in unknown


@pytest.mark.parametrize(
    ("expression", "is_free"),
    [
        ("mean(x)", True),
        ("share(x > mean(x))", True),
        ("sum(x) / count()", True),
        ("count(x > 1) / count()", True),
        ("-mean(x)", True),
        ("mean(x) + 1", True),
        ("sum(x) / count() - 3", True),
        ("count()", False),
        ("-sum(x)", False),
        ("sum(x) - sum(y)", False),
        ("sum(x) * mean(x)", False),
        ("sum(x) - 5", False),
        ("mean(x) / count()", False),
        ("share(x > sum(y))", False),
        ("mean(x / count())", False),
        ("mean(x / sum(x)) * count()", True),
    ],
)
def test_what_grows_with_the_number_of_rows_is_known(expression: str, is_free: bool) -> None:
    assert is_free_of_size(parse(expression)) is is_free
