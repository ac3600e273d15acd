"""Points in line protocol, and the write request, on a stub that checks what InfluxDB would check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from driftgate.errors import ServiceError, SettingsError
from driftgate.export import delivery, influx
from driftgate.export.figures import ColumnFigures, Figures, ScoreFigures
from driftgate.settings import InfluxSettings
from export_servers import Stub
from factories import make_window

FIGURES = Figures(
    monitor="trips",
    model_version="3",
    window=make_window(),
    rows=200,
    dataset_drift=1,
    drift_share=1.0,
    drifted_features=2,
    total_features=2,
    missing_percentage=0.5,
    missing_count=3,
    total_values=600,
    columns=(ColumnFigures("distance", 0.25, 0.1, True, 0.0), ColumnFigures("hour")),
    columns_left_out=0,
    performance={"mae": ScoreFigures(1.5, 1.0, 1.4), "mape": ScoreFigures(None, None, None)},
    kpis={},
    alarms={"data_drift": 1},
)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setattr(delivery, "PAUSES_S", (0.02, 0.05))
    with Stub() as made:
        yield made


def settings(stub: Stub, **changes: str) -> InfluxSettings:
    return replace(InfluxSettings(stub.url, "topsecret", "ml ops", "ml_monitoring"), **changes)


def test_a_window_becomes_the_promised_measurements_at_the_start_of_the_window() -> None:
    tags = "environment=test,model_version=3,monitor=trips"
    assert influx.points(FIGURES, "test", export_duration=0.25, report_seconds=None) == [
        f"ml_data_drift,{tags} dataset_drift=1i,drift_share=1.0,drifted_features_count=2i,total_features=2i 1704067200000",
        f"ml_data_quality,{tags} missing_values_percentage=0.5,missing_values_count=3i,total_values=600i,rows=200i 1704067200000",
        f"ml_model_performance,{tags} mae=1.5 1704067200000",
        f"ml_model_performance_reference,{tags} mae=1.0 1704067200000",
        f"ml_monitoring_performance,{tags} export_duration=0.25 1704067200000",
        f"ml_column_drift,column=distance,{tags} drift_score=0.25,drift_threshold=0.1,drifted=1i,missing_share=0.0 1704067200000",
    ]


def test_the_time_that_a_report_took_is_a_field_of_its_own() -> None:
    (found,) = (line for line in influx.points(FIGURES, "test", export_duration=1.0, report_seconds=2.5) if "monitoring" in line)
    assert " export_duration=1.0,report_generation_time=2.5 " in found


def test_the_same_window_gives_the_same_lines() -> None:
    first, second = (influx.points(FIGURES, "test", export_duration=1.0, report_seconds=None) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", "plain"),
        ("a b,c=d", r"a\ b\,c\=d"),
        ("two\nlines\ttab", r"two\ lines\ tab"),
        ("inner\\slash", "inner/slash"),
        ("ends\\", "ends/"),
        ("straße €", "straße\\ €"),
    ],
)
def test_tag_values_are_escaped_so_that_a_line_stays_one_line(value: str, written: str) -> None:
    assert influx.line("m", {"column": value}, {"f": 1}, 5) == f"m,column={written} f=1i 5"


def test_field_types_are_those_of_the_format() -> None:
    assert influx.line("m", {"empty": ""}, {"i": 1, "f": 1.0, "tiny": 1e-7, "t": True, "s": 'a"b\\', "none": None}, 5) == (
        'm i=1i,f=1.0,tiny=1e-07,t=true,s="a\\"b\\\\" 5'
    )


def test_a_point_without_values_is_no_point() -> None:
    assert influx.line("m", {"a": "b"}, {"x": None}, 5) is None


def test_a_write_names_organisation_bucket_and_precision_carries_the_token_and_is_compressed(stub: Stub) -> None:
    lines = influx.points(FIGURES, "test", export_duration=1.0, report_seconds=None)
    influx.write(settings(stub), lines)
    (got,) = stub.received
    parts = urlsplit(got.path)
    assert (got.method, parts.path) == ("POST", "/api/v2/write")
    assert parse_qs(parts.query) == {"org": ["ml ops"], "bucket": ["ml_monitoring"], "precision": ["ms"]}
    assert (got.headers["authorization"], got.headers["content-encoding"]) == ("Token topsecret", "gzip")
    assert got.text.splitlines() == lines


def test_a_prefix_in_the_address_is_kept(stub: Stub) -> None:
    influx.write(settings(stub, url=f"{stub.url}/influx/"), ["m f=1i 5"])
    assert stub.received[0].path.startswith("/influx/api/v2/write?")


def test_many_lines_go_in_several_requests_and_none_is_lost(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influx, "MAX_LINES", 40)
    lines = [f"m f={index}i {index}" for index in range(100)]
    influx.write(settings(stub), lines)
    assert [len(got.text.splitlines()) for got in stub.received] == [40, 40, 20]
    assert [line for got in stub.received for line in got.text.splitlines()] == lines


def test_a_request_that_is_too_large_is_halved_until_it_fits(stub: Stub) -> None:
    stub.answers = [(413, {}, b""), (413, {}, b""), (204, {}, b"")]
    lines = [f"m f={index}i {index}" for index in range(8)]
    influx.write(settings(stub), lines)
    assert [len(got.text.splitlines()) for got in stub.received] == [8, 4, 2, 2, 4]
    assert sorted({line for got in stub.received[2:] for line in got.text.splitlines()}) == lines


def test_a_single_point_that_is_too_large_is_an_error(stub: Stub) -> None:
    stub.answers = [(413, {}, b"")]
    with pytest.raises(ServiceError, match="one point alone is larger"):
        influx.write(settings(stub), ["m f=1i 5"])


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "check INFLUXDB_TOKEN"), (403, "check INFLUXDB_TOKEN"), (404, "INFLUXDB_ORG and INFLUXDB_BUCKET"), (422, "retention 0")],
)
def test_a_refusal_says_which_setting_to_look_at_and_never_shows_the_token(stub: Stub, status: int, advice: str) -> None:
    stub.answers = [(status, {}, b'{"code":"x","message":"token topsecret: no"}')]
    with pytest.raises(ServiceError, match=advice) as caught:
        influx.write(settings(stub), ["m f=1i 5"])
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("name", ["token", "org", "bucket"])
def test_a_setting_that_is_missing_is_named_before_anything_is_sent(stub: Stub, name: str) -> None:
    with pytest.raises(SettingsError, match=f"set INFLUXDB_{name.upper()}"):
        influx.write(settings(stub, **{name: ""}), ["m f=1i 5"])
    assert stub.received == []


@pytest.mark.parametrize("token", ["top secret", "topsecret\n", "töpsecret"])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(stub: Stub, token: str) -> None:
    with pytest.raises(SettingsError, match="INFLUXDB_TOKEN holds characters") as caught:
        influx.write(settings(stub, token=token), ["m f=1i 5"])
    assert token.strip() not in str(caught.value)


def test_user_and_password_in_the_address_are_refused_without_showing_them(stub: Stub) -> None:
    with pytest.raises(SettingsError, match="INFLUXDB_TOKEN") as caught:
        influx.write(settings(stub, url=stub.url.replace("://", "://me:hidden@")), ["m f=1i 5"])
    assert "hidden" not in str(caught.value)
