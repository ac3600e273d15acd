"""KPIs on rows: numbers worked out by hand, missing values, and the same numbers from pandas directly."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftgate.config.models import MonitorConfig
from driftgate.measure.kpis import kpi_metrics
from driftgate.measure.measures import measure_batch
from driftgate.records import Direction, Family, Metric, MetricVerdict
from driftgate.rules import evaluate
from factories import make_binary_config, make_binary_frame, make_config, make_frame, make_window

NAN = float("nan")
FRAME = make_frame(6).assign(
    distance=[1.0, 2.0, 3.0, 4.0, NAN, np.inf],
    hour=[0.0, 5.0, 10.0, NAN, 20.0, 0.0],
    vendor=pd.Series(["a", "b", None, "a", "c", "b"], dtype="str"),
    duration=[10.0, 20.0, 30.0, NAN, NAN, -10.0],
    prediction=[12.0, 18.0, 30.0, 40.0, 50.0, -15.0],
)


def config_of(*expressions: str, make: Any = make_config, **overrides: Any) -> MonitorConfig:
    kpis = [{"name": f"kpi_{index}", "expression": expression} for index, expression in enumerate(expressions)]
    config: MonitorConfig = make(kpis=kpis, **overrides)
    return config


def one(expression: str, frame: pd.DataFrame = FRAME, reference: pd.DataFrame | None = None) -> Metric:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (metric,) = kpi_metrics(config_of(expression), frame, FRAME if reference is None else reference)
    return metric


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("count()", 6),
        ("count(duration)", 4),
        ("count(distance)", 4),  # an infinity is not known
        ("count(vendor)", 5),
        ("count(ts)", 6),
        ("count(duration > 15)", 2),
        ("mean(duration)", 12.5),
        ("sum(duration)", 50),
        ("min(duration)", -10),
        ("max(duration)", 30),
        ("median(duration)", 15),
        ("quantile(duration, 0.25)", 5),
        ("share(duration > 15)", 0.5),
        ("share(duration >= 20 and hour > 5)", 1 / 4),  # false, false, true, unknown, unknown, false
        ("share(duration > 15 or hour >= 0)", 5 / 5),  # the fourth row is unknown, the fifth is true whatever its duration
        ("share(not duration > 15)", 0.5),
        ("share(duration != 20)", 0.75),
        ("share(0 < duration < 25)", 0.5),
        ("share(vendor == 'a')", 0.4),
        ("share('a' != vendor)", 0.6),
        ("share(vendor in ['a', 'c'])", 0.6),
        ("share(vendor not in ['a', 'c'])", 0.4),
        ("share(hour in [0, 20])", 0.6),
        ("share(missing(duration))", 1 / 3),
        ("share(missing(distance))", 1 / 6),
        ("share(missing(vendor) or vendor == 'c')", 1 / 3),
        ("share(missing(duration / hour))", 4 / 6),  # unknown where either is, and where the hour is 0
        ("mean(abs(duration - prediction))", 2.25),
        ("mean(-duration)", -12.5),
        ("mean(duration / hour)", 3.5),
        ("mean(100 * (duration + 2))", 1450),
        ("sum(duration) / count()", 50 / 6),
        ("1 - share(duration > 15) * 2", 0),
        ("share(duration > mean(duration))", 0.5),
        ("share(column('duration') > 15)", 0.5),
        ("abs(min(duration))", 10),
    ],
)
def test_the_value_is_that_worked_out_by_hand(expression: str, value: float) -> None:
    metric = one(expression)
    assert metric.value == pytest.approx(value)
    assert (metric.family, metric.metric, metric.column, metric.method) == (Family.KPI, "kpi_0", "", expression)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("mean(duration) / count(duration > 1000)", "count(duration > 1000) divides by zero"),
        ("mean(duration / (hour - hour))", "no row has a known value of duration / (hour - hour)"),
        ("share(prediction / 0 > 1)", "divides by zero"),
        ("mean(prediction * 1e308 * 1e308)", "the result is too large"),
        ("max(prediction) * 1e308 * 1e308", "the result is too large"),
    ],
)
def test_what_has_no_value_says_why(expression: str, reason: str) -> None:
    metric = one(expression)
    assert metric.value is None
    assert metric.verdict is None
    assert metric.method is not None
    assert metric.method.startswith(f"{expression} has no value: ")
    assert reason in metric.method


def test_before_labels_arrive_there_is_no_value_rather_than_a_wrong_one() -> None:
    frame = FRAME.assign(duration=np.nan)
    for expression in ("mean(duration)", "sum(duration)", "share(duration > 15)", "count(duration > 15)", "median(duration)"):
        assert one(expression, frame).value is None
    assert one("count(duration)", frame).value == 0
    assert one("share(missing(duration))", frame).value == 1


@pytest.mark.parametrize("expression", ["mean(duration)", "share(vendor == 'a')", "share(missing(hour))"])
def test_without_rows_there_is_no_value(expression: str) -> None:
    assert one(expression, FRAME.head(0)).value is None


def test_a_column_that_the_rows_do_not_have_is_named() -> None:
    metric = one("mean(prediction)", FRAME.drop(columns="prediction"), FRAME)
    assert metric.value is None
    assert metric.method == "mean(prediction) has no value: the rows have no column 'prediction'"
    assert metric.reference_value == pytest.approx(22.5)


def test_the_reference_value_is_left_out_where_it_could_not_be_compared() -> None:
    reference = pd.concat([FRAME, FRAME])
    assert one("mean(duration)", reference=reference).reference_value == 12.5
    assert one("sum(duration) / count()", reference=reference).reference_value == pytest.approx(50 / 6)
    assert one("sum(duration)", reference=reference).reference_value is None
    assert one("mean(duration)", reference=FRAME.drop(columns="duration")).reference_value is None
    assert one("mean(duration)", reference=FRAME.head(0)).reference_value is None


@pytest.mark.parametrize("kind", ["str", "int64", "float64", "bool"])
def test_class_labels_are_texts_whatever_their_type(kind: Any) -> None:
    frame = make_binary_frame(100, seed=1)
    expected = (frame["late"] == "1").mean()
    frame["late"] = frame["late"] if kind == "str" else frame["late"].astype("int64").astype(kind)
    (metric,) = kpi_metrics(config_of("share(late == '1')", make=make_binary_config), frame, frame)
    assert metric.value == pytest.approx(expected)


# --- limits, rules, the whole window ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [
        ({"above": 0.4}, MetricVerdict.ALARM),
        ({"above": 0.5}, MetricVerdict.OK),
        ({"below": 0.6}, MetricVerdict.ALARM),
        ({"below": 0.5}, MetricVerdict.OK),
        ({}, None),
    ],
    ids=str,
)
def test_a_limit_gives_a_verdict(limit: dict[str, float], verdict: MetricVerdict | None) -> None:
    kpi = {"name": "late_share", "expression": "share(duration > 15)", **limit}
    (metric,) = kpi_metrics(make_config(kpis=[kpi], measures={"minimum_rows": 1}), FRAME, FRAME)
    direction = {"above": Direction.ABOVE, "below": Direction.BELOW}.get(next(iter(limit), ""))
    assert (metric.verdict, metric.threshold, metric.direction) == (verdict, next(iter(limit.values()), None), direction)
    if limit:
        (few,) = kpi_metrics(make_config(kpis=[kpi]), FRAME, FRAME)
        assert few.verdict is MetricVerdict.TOO_FEW_ROWS
        empty = FRAME.assign(duration=np.nan)
        assert kpi_metrics(make_config(kpis=[kpi], measures={"minimum_rows": 1}), empty, FRAME)[0].verdict is None


def test_a_rule_on_a_kpi_breaches_the_window_and_gives_its_limit() -> None:
    kpis = [{"name": "late_share", "expression": "share(duration > 10)"}]
    config = make_config(kpis=kpis, decision={"rules": [{"metric": "late_share", "above_reference": 1.5}]})
    current, reference = make_frame(200, seed=1, shift=4), make_frame(2000)
    found = measure_batch(config, current, reference, window=make_window(), model_version="1")
    metric = found.find("late_share")
    assert metric is not None
    usual = (reference["duration"] > 10).mean()
    assert (metric.verdict, metric.direction) == (MetricVerdict.ALARM, Direction.ABOVE)
    assert metric.threshold == pytest.approx(1.5 * usual)
    (outcome,) = evaluate(config.decision.rules, found)
    assert outcome.is_broken
    assert outcome.sentence.startswith("late_share 1 is above 1.5 x the reference's 0.5")


def test_the_order_of_rows_does_not_matter() -> None:
    config = config_of("sum(duration / distance)", "quantile(duration, 0.37)", "mean(abs(duration - prediction))")
    frame, reference = make_frame(500, seed=3), make_frame(500)
    mixed = frame.sample(frac=1, random_state=1)
    one_way, other_way = (
        [
            item
            for item in measure_batch(config, rows, reference, window=make_window(), model_version="1").metrics
            if item.family is Family.KPI
        ]
        for rows in (frame, mixed)
    )
    assert one_way == other_way


# --- against pandas ---------------------------------------------------------------------------------------------------


def random_frame(rng: np.random.Generator) -> pd.DataFrame:
    """Rows with nulls, infinities, zeros and unknown categories in random places, sometimes hardly any rows."""
    rows = int(rng.integers(1, 60))
    frame = make_frame(rows, seed=int(rng.integers(1_000_000)))
    for name in ("distance", "hour", "duration"):
        values = np.round(rng.normal(5, 10, rows)) if rng.random() < 0.5 else rng.normal(5, 10, rows)
        values[rng.random(rows) < rng.choice([0.0, 0.3, 0.95])] = np.nan
        values[rng.random(rows) < 0.05] = rng.choice([np.inf, -np.inf])
        frame[name] = values
    known = rng.random(rows) > rng.choice([0.0, 0.4])
    frame["vendor"] = pd.Series(np.where(known, frame["vendor"], None), dtype="str")
    return frame


def tri(left: pd.Series, answer: pd.Series, *others: pd.Series) -> pd.Series:
    """Answers as 1 and 0, NaN where an operand is unknown: the definition, without nullable types."""
    known = left.notna()
    for other in others:
        known &= other.notna()
    return answer.astype(float).where(known)


def both(a: pd.Series, b: pd.Series) -> pd.Series:
    return pd.Series(np.where((a == 0) | (b == 0), 0.0, np.where(a.isna() | b.isna(), np.nan, 1.0)), index=a.index)


def direct(frame: pd.DataFrame, level: float, limit: float) -> dict[str, float]:
    """Work the same numbers out with plain pandas; NaN where there is no value."""
    rows = frame.assign(**{name: frame[name].replace([np.inf, -np.inf], np.nan) for name in ("distance", "hour", "duration")})
    x, y, z, vendor = rows["distance"], rows["duration"], rows["hour"], rows["vendor"]
    ratio = (y / z.where(z != 0)).replace([np.inf, -np.inf], np.nan)
    late, is_a = tri(y, y > limit), tri(vendor, vendor.isin(["a", "c"]))
    neither = 1 - pd.Series(np.where((late == 1) | (is_a == 1), 1.0, np.where(late.isna() | is_a.isna(), np.nan, 0.0)))
    return {
        "mean(distance)": x.mean(),
        "sum(duration)": y.sum(min_count=1),
        "min(hour) - max(hour)": z.min() - z.max(),
        "median(duration)": y.median(),
        f"quantile(duration, {level})": y.quantile(level),
        "count()": len(rows),
        "count(distance)": x.notna().sum(),
        f"count(duration > {limit})": late.sum(min_count=1),
        f"share(duration > {limit})": late.mean(),
        f"share(duration > {limit} and vendor in ['a', 'c'])": both(late, is_a).mean(),
        f"share(not (duration > {limit} or vendor in ['a', 'c']))": neither.mean(),
        "share(distance <= hour)": tri(x, x <= z, z).mean(),
        "share(vendor != 'b')": tri(vendor, vendor != "b").mean(),
        "share(missing(duration) or missing(vendor))": (frame["duration"].isna() | vendor.isna()).mean(),
        "mean(duration / hour)": ratio.mean(),
        "mean(abs(duration - distance) * 2 + 1)": ((y - x).abs() * 2 + 1).mean(),
        "sum(duration) / count(distance)": y.sum(min_count=1) / x.notna().sum() if x.notna().any() else np.nan,
        "share(duration > mean(duration))": tri(y, y > y.mean()).mean(),
    }


@pytest.mark.parametrize("seed", range(60))
def test_random_frames_give_what_pandas_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = random_frame(rng)
    expected = direct(frame, round(float(rng.random()), 3), round(float(rng.normal(5, 10)), 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = kpi_metrics(config_of(*expected), frame, frame)
    for metric, (expression, value) in zip(found, expected.items(), strict=True):
        if np.isnan(value):
            assert metric.value is None, expression
        else:
            assert metric.value == pytest.approx(value, rel=1e-12, abs=1e-12), expression
