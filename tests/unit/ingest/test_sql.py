from __future__ import annotations

import json
import socket
from urllib.parse import quote

import pandas as pd
import pytest
import sqlalchemy as sa

from driftgate.errors import ServiceError, SourceError
from driftgate.ingest.connections import to_sqlalchemy
from driftgate.ingest.roles import apply_roles, source_columns
from driftgate.ingest.source import read_rows
from driftgate.records import Window
from factories import make_config, make_frame, make_window

QUERY = "SELECT * FROM trips_source WHERE ts >= :window_start AND ts < :window_end;"
COLUMNS = source_columns(make_config())


def config(query=QUERY, *, timezone="UTC", **address):
    return make_config(source={"kind": "sql", "query": query, **(address or {"url_env": "TRIPS_URL"})}, schedule={"timezone": timezone})


@pytest.fixture
def trips():
    return pd.concat([make_frame(40, day=day).drop(columns="prediction").assign(secret="x") for day in range(3)], ignore_index=True)


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request, tmp_path, trips, monkeypatch):
    uri = request.getfixturevalue("postgres_uri") if request.param == "postgresql" else f"sqlite:///{tmp_path}/trips.db"
    engine = sa.create_engine(uri)
    rows = trips if request.param == "postgresql" else trips.assign(ts=trips["ts"].dt.strftime("%Y-%m-%d %H:%M:%S"))
    rows.to_sql("trips_source", engine, index=False, if_exists="replace")
    monkeypatch.setenv("TRIPS_URL", uri)
    yield engine
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE trips_source"))
    engine.dispose()


def test_the_window_is_bound_and_only_needed_columns_arrive(database, settings, trips):
    found = read_rows(config(), make_window(1), COLUMNS, settings)
    assert list(found.columns) == COLUMNS
    frame, note = apply_roles(found, config(), make_window(1))
    expected, _ = apply_roles(trips, config(), make_window(1))
    pd.testing.assert_frame_equal(frame, expected)
    assert len(frame) == 40
    assert note is None


def test_both_ends_of_the_window_are_exact(database, settings):
    found = read_rows(config(), make_window(1), COLUMNS, settings)
    assert len(found) == 40, "the row at the start is in, the row at the end is not"


def test_only_the_needed_columns_are_asked_of_the_database(database, settings):
    statements = []
    sa.event.listen(sa.Engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    read_rows(config(), make_window(1), COLUMNS, settings)
    assert statements[-1].startswith('SELECT "trip_id", "ts"')
    assert "secret" not in statements[-1]


def test_a_window_without_rows_is_empty(database, settings):
    frame, _ = apply_roles(read_rows(config(), make_window(50), COLUMNS, settings), config(), make_window(50))
    assert len(frame) == 0


def test_a_column_that_the_query_lacks_is_left_to_the_roles(database, settings):
    query = QUERY.replace("*", "trip_id, ts, distance")
    assert list(read_rows(config(query), make_window(1), COLUMNS, settings).columns) == ["trip_id", "ts", "distance"]


def test_a_query_with_common_table_expressions_works(database, settings):
    query = f"WITH t AS ({QUERY.rstrip(';')}) SELECT * FROM t -- the end"
    assert len(read_rows(config(query), make_window(1), COLUMNS, settings)) == 40


def test_a_failing_query_is_no_service_error_and_hides_the_password(database, settings):
    with pytest.raises(SourceError, match=r"source\.query fails on .*no_such_table.*correct it"):
        read_rows(config(QUERY.replace("trips_source", "no_such_table")), make_window(), COLUMNS, settings)


def test_numeric_columns_of_the_database_are_numbers(postgres_uri, settings, monkeypatch):
    monkeypatch.setenv("TRIPS_URL", postgres_uri)
    query = (
        "SELECT 1 AS trip_id, :window_start AS ts, 1.25::numeric AS distance, NULL::int AS hour, true AS vendor, 2 AS duration "
        "WHERE :window_end > :window_start"
    )
    frame, _ = apply_roles(read_rows(config(query), make_window(), COLUMNS, settings), config(query), make_window())
    assert frame.loc[0, "distance"] == 1.25
    assert pd.isna(frame.loc[0, "hour"])
    assert frame.loc[0, "vendor"] == "True"


def test_columns_without_a_zone_compare_in_the_schedules_time_zone(postgres_uri, settings, monkeypatch):
    monkeypatch.setenv("TRIPS_URL", postgres_uri)
    query = (
        "SELECT * FROM (VALUES (1, timestamp '2024-07-01 00:00', 1, 1, 'a', 1), (2, timestamp '2024-07-02 00:00', 1, 1, 'a', 1)) "
        "AS t(trip_id, ts, distance, hour, vendor, duration) WHERE ts >= :window_start AND ts < :window_end"
    )
    start = pd.Timestamp("2024-07-01", tz="America/New_York").to_pydatetime()
    window = Window(start, start + pd.Timedelta(days=1).to_pytimedelta())
    ny = config(query, timezone="America/New_York")
    frame, _ = apply_roles(read_rows(ny, window, COLUMNS, settings), ny, window)
    assert frame["trip_id"].tolist() == ["1"]
    assert frame.loc[0, "ts"].isoformat() == "2024-07-01T04:00:00+00:00"


def test_a_database_that_is_down_is_worth_a_retry_and_the_password_stays_secret(settings, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("TRIPS_URL", f"postgresql://reader:hush-hush@127.0.0.1:{port}/trips")
    with pytest.raises(
        ServiceError, match=rf"the database postgresql\+psycopg2://reader:\*\*\*@127\.0\.0\.1:{port}/trips did not answer"
    ) as caught:
        read_rows(config(), make_window(), COLUMNS, settings)
    assert "hush-hush" not in str(caught.value)


def test_a_missing_variable_is_named(settings, monkeypatch):
    monkeypatch.delenv("TRIPS_URL", raising=False)
    with pytest.raises(SourceError, match=r"source\.url_env: the environment variable TRIPS_URL is not set"):
        read_rows(config(), make_window(), COLUMNS, settings)


def test_a_missing_connection_is_named(settings):
    with pytest.raises(SourceError, match=r"Airflow connection 'trips_db': the environment variable AIRFLOW_CONN_TRIPS_DB is not set"):
        read_rows(config(connection="trips_db"), make_window(), COLUMNS, settings)


@pytest.mark.parametrize("form", ["uri", "json"])
def test_an_airflow_connection_of_the_environment_is_used(tmp_path, settings, trips, monkeypatch, form):
    file = f"{tmp_path}/trips.db"
    trips.assign(ts=trips["ts"].dt.strftime("%Y-%m-%d %H:%M:%S")).to_sql("trips_source", sa.create_engine(f"sqlite:///{file}"))
    text = f"sqlite://{quote(file, safe='')}" if form == "uri" else json.dumps({"conn_type": "sqlite", "host": file})
    monkeypatch.setenv("AIRFLOW_CONN_TRIPS_DB", text)
    assert len(read_rows(config(connection="trips_db"), make_window(), COLUMNS, settings)) == 40


def test_a_resolver_replaces_the_environment(tmp_path, settings, trips):
    file = f"{tmp_path}/trips.db"
    trips.assign(ts=trips["ts"].dt.strftime("%Y-%m-%d %H:%M:%S")).to_sql("trips_source", sa.create_engine(f"sqlite:///{file}"))
    asked = []

    def resolver(name: str) -> str:
        asked.append(name)
        return f"sqlite:///{file}"

    assert len(read_rows(config(connection="trips_db"), make_window(), COLUMNS, settings, connection_uri=resolver)) == 40
    assert asked == ["trips_db"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgres://u:p%40ss@host:5433/db?sslmode=require", "postgresql+psycopg2://u:p%40ss@host:5433/db?sslmode=require"),
        ("postgresql://u@host/db", "postgresql+psycopg2://u@host/db"),
        ("postgresql+psycopg2://u:p@host/db", "postgresql+psycopg2://u:p@host/db"),
        ("postgres://u:p@host:5432/db?__extra__=%7B%22sslmode%22%3A+%22require%22%2C+%22x%22%3A+1%7D", "postgresql+psycopg2://u:p@host:5432/db?sslmode=require"),
        ('{"conn_type": "postgres", "login": "u", "password": "p/w", "host": "h", "port": "5432", "schema": "db", '
         '"extra": "{\\"sslmode\\": \\"require\\"}"}',
         "postgresql+psycopg2://u:p%2Fw@h:5432/db?sslmode=require"),
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
        ("sqlite:///x.db", "sqlite:///x.db"),
    ],
)  # fmt: skip
def test_airflow_and_sqlalchemy_addresses_are_understood(text, expected):
    assert to_sqlalchemy(text, "here").render_as_string(hide_password=False) == expected


@pytest.mark.parametrize("text", ["hush-hush", '{"host": "hush-hush"}', "{hush-hush", "postgres://u:hush-hush@host:port/db"])
def test_an_address_that_is_none_is_refused_without_showing_it(text):
    with pytest.raises(SourceError, match="here: the address is not valid") as caught:
        to_sqlalchemy(text, "here")
    assert "hush-hush" not in str(caught.value)
