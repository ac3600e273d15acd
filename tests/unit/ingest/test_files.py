from __future__ import annotations

import functools
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from driftgate.errors import SchemaError, ServiceError, SourceError
from driftgate.ingest.roles import apply_roles, source_columns
from driftgate.ingest.source import read_rows
from driftgate.records import Window
from factories import make_config, make_frame, make_window

COLUMNS = source_columns(make_config())


@pytest.fixture
def data(local_settings) -> Path:
    folder = local_settings.project_root / "data"
    folder.mkdir()
    return folder


def read(config, settings, window=None):
    return read_rows(config, window or make_window(), COLUMNS, settings)


@pytest.mark.parametrize("name", ["2024-01-01.csv", "2024-01-01.csv.gz", "2024-01-01.parquet"])
def test_the_format_is_told_by_the_name(data, local_settings, files_config, raw_trips, name):
    rows = raw_trips()
    rows.to_parquet(data / name) if name.endswith("parquet") else rows.to_csv(data / name, index=False)
    found = read(files_config("data/" + name.replace("2024-01-01", "{window_start:%Y-%m-%d}")), local_settings)
    assert found["trip_id"].tolist() == ["b", "a", "c"]
    assert found["distance"].tolist() == [1.5, 2.5, 3.5]


def test_a_format_that_the_name_does_not_tell_must_be_written(data, local_settings, files_config, raw_trips):
    raw_trips().to_csv(data / "trips.dat", index=False)
    with pytest.raises(SourceError, match=r"cannot tell the format of .*trips\.dat.*write source\.format: csv"):
        read(files_config("data/trips.dat"), local_settings)
    assert len(read(files_config("data/trips.dat", format="csv"), local_settings)) == 3


@pytest.mark.parametrize("name", ["trips.csv", "trips.parquet"])
def test_only_columns_with_a_role_are_read(data, local_settings, files_config, raw_trips, name):
    rows = raw_trips(secret=["x", "y", "z"])
    rows.to_parquet(data / name) if name.endswith("parquet") else rows.to_csv(data / name, index=False)
    assert list(read(files_config(f"data/{name}"), local_settings).columns) == COLUMNS


def test_dates_in_the_path_are_of_the_schedules_time_zone(data, local_settings, raw_trips):
    raw_trips().to_csv(data / "2024-06-30_2024-07-01.csv", index=False)
    config = make_config(
        source={"kind": "files", "path": "{project_root}/data/{window_start:%Y-%m-%d}_{window_end:%Y-%m-%d}.csv"},
        schedule={"timezone": "America/New_York"},
    )
    start = pd.Timestamp("2024-06-30", tz="America/New_York")
    window = Window(start.to_pydatetime(), (start + pd.Timedelta(days=1)).to_pydatetime())
    assert len(read(config, local_settings, window)) == 3


def test_home_is_the_state_folder(local_settings, files_config, raw_trips):
    raw_trips().to_csv(local_settings.home / "trips.csv", index=False)
    assert len(read(files_config("{home}/trips.csv"), local_settings)) == 3


def test_an_unknown_placeholder_is_named(local_settings, files_config):
    with pytest.raises(SourceError, match=r"source\.path: cannot fill 'data/\{date\}\.csv'.*known placeholders are \{window_start\}"):
        read(files_config("data/{date}.csv"), local_settings)


def test_a_missing_file_names_the_path_and_the_remedy(data, local_settings, files_config):
    with pytest.raises(SourceError, match=r"monitor trips, window .*there is no file .*/data/none\.csv; deliver it"):
        read(files_config("data/none.csv"), local_settings)


def test_a_glob_joins_all_files_and_matching_none_is_an_empty_window(data, local_settings, files_config, raw_trips):
    raw_trips().to_csv(data / "2024-01-01-a.csv", index=False)
    raw_trips().head(0).to_csv(data / "2024-01-01-b.csv", index=False)
    raw_trips().to_parquet(data / "2024-01-01-c.parquet")
    config = files_config("data/{window_start:%Y-%m-%d}-*")
    assert len(read(config, local_settings)) == 6
    empty = read(config, local_settings, make_window(5))
    assert len(empty) == 0
    assert len(apply_roles(empty, config, make_window(5))[0]) == 0


def test_a_column_gone_from_one_of_several_files_is_not_filled_with_nulls(data, local_settings, files_config, raw_trips):
    raw_trips().to_csv(data / "a.csv", index=False)
    raw_trips().drop(columns="vendor").to_csv(data / "b.csv", index=False)
    with pytest.raises(SchemaError, match=r"/data/b\.csv has no column 'vendor', which other files of the window have"):
        read(files_config("data/*.csv"), local_settings)


def test_a_project_folder_with_glob_characters_is_no_glob(data, local_settings, files_config, raw_trips, tmp_path):
    from dataclasses import replace

    root = tmp_path / "a[b]c"
    (root / "data").mkdir(parents=True)
    raw_trips().to_csv(root / "data" / "x.csv", index=False)
    assert len(read(files_config("data/*.csv"), replace(local_settings, project_root=root))) == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("trips.csv", b"trip_id,ts\n1,2\n1,2,3,4\n"),
        ("trips.csv", b"trip_id,ts,vendor\n1,2,x\n1,2\n"),
        ("trips.csv", b""),
        ("trips.csv", b"trip_id,ts\n\xff\xfe,2\n"),
        ("trips.csv.gz", b"this is not gzip"),
        ("trips.parquet", b"this is not parquet"),
        ("trips.parquet", b""),
    ],
    ids=["too many fields", "cut off", "empty", "encoding", "gzip", "parquet", "empty parquet"],
)
def test_an_unreadable_file_is_named_with_the_parsers_message(data, local_settings, files_config, name, content):
    (data / name).write_bytes(content)
    with pytest.raises(SourceError, match=rf"window .*: cannot read .*/data/{name} as (csv|parquet): .+"):
        read(files_config(f"data/{name}"), local_settings)


def test_a_truncated_gzip_is_unreadable_and_not_a_short_day(data, local_settings, files_config):
    path = data / "trips.csv.gz"
    make_frame(500).to_csv(path, index=False)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(SourceError, match="cannot read"):
        read(files_config("data/trips.csv.gz"), local_settings)


def test_codes_with_leading_zeros_stay_text(data, local_settings, files_config, raw_trips):
    raw_trips(vendor=["007", "1.0", "12"]).to_csv(data / "trips.csv", index=False)
    config = files_config("data/trips.csv")
    frame, _ = apply_roles(read(config, local_settings), config, make_window())
    assert set(frame["vendor"]) == {"007", "1", "12"}


def test_quoted_line_breaks_and_separators_are_no_fault(data, local_settings, files_config, raw_trips):
    raw_trips(vendor=["a,b", "two\nlines", 'say "x"']).to_csv(data / "trips.csv", index=False)
    assert set(read(files_config("data/trips.csv"), local_settings)["vendor"]) == {"a,b", "two\nlines", 'say "x"'}


def test_tab_separated_files_are_told_by_the_name(data, local_settings, files_config, raw_trips):
    raw_trips().to_csv(data / "trips.tsv", index=False, sep="\t")
    assert len(read(files_config("data/trips.tsv"), local_settings)) == 3


def test_read_options_reach_the_parser(data, local_settings, files_config, raw_trips):
    raw_trips().to_csv(data / "trips.csv", index=False, sep=";", decimal=",")
    config = files_config("data/trips.csv", read_options={"sep": ";", "decimal": ","})
    assert read(config, local_settings)["distance"].tolist() == [1.5, 2.5, 3.5]


def test_csv_and_parquet_of_the_same_rows_give_the_same_batch(data, local_settings, files_config):
    rows = make_frame(100).drop(columns="prediction")
    rows.to_csv(data / "a.csv", index=False)
    rows.to_parquet(data / "a.parquet")
    frames = []
    for name in ("a.csv", "a.parquet"):
        config = files_config(f"data/{name}")
        frames.append(apply_roles(read(config, local_settings), config, make_window())[0])
    pd.testing.assert_frame_equal(*frames)


def test_row_groups_outside_the_window_are_not_read(data, local_settings, files_config):
    rows = pd.concat([make_frame(100, day=day) for day in range(5)], ignore_index=True)
    rows.to_parquet(data / "all.parquet", row_group_size=100)
    assert pq.ParquetFile(data / "all.parquet").num_row_groups == 5
    found = read(files_config("data/all.parquet"), local_settings, make_window(2))
    assert len(found) == 100
    assert found["ts"].between(make_window(2).start, make_window(2).end).all()


class _Server(http.server.ThreadingHTTPServer):
    asked: list[str]


class _Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.headers.get("X-Token", ""))
        if "broken" in self.path:
            self.send_error(503)
        elif "private" in self.path:
            self.send_error(403)
        else:
            super().do_GET()

    def log_message(self, *_args):
        pass


@pytest.fixture
def server(tmp_path) -> Iterator[tuple[str, Path, list[str]]]:
    folder = tmp_path / "served"
    folder.mkdir()
    with _Server(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder))) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}", folder, running.asked
        running.shutdown()


@pytest.mark.parametrize("name", ["trips.csv", "trips.csv.gz", "trips.parquet"])
def test_files_are_read_over_http(server, local_settings, files_config, raw_trips, name):
    address, folder, _ = server
    rows = raw_trips()
    rows.to_parquet(folder / name) if name.endswith("parquet") else rows.to_csv(folder / name, index=False)
    found = read(files_config(f"{address}/{name}"), local_settings)
    assert found["distance"].tolist() == [1.5, 2.5, 3.5]


def test_a_query_in_the_address_is_no_glob(server, local_settings, files_config, raw_trips):
    address, folder, _ = server
    raw_trips().to_csv(folder / "trips.csv", index=False)
    assert len(read(files_config(address + "/trips.csv?day={window_start:%Y-%m-%d}"), local_settings)) == 3


def test_a_file_missing_on_an_http_server_is_no_service_error(server, local_settings, files_config):
    with pytest.raises(SourceError, match=r"there is no file http://.*none\.csv"):
        read(files_config(f"{server[0]}/none.csv"), local_settings)


def test_a_forbidden_file_points_to_the_credentials(server, local_settings, files_config):
    with pytest.raises(SourceError, match="no permission to read"):
        read(files_config(f"{server[0]}/private.csv"), local_settings)


def test_a_server_fault_is_worth_a_retry(server, local_settings, files_config):
    with pytest.raises(ServiceError, match=r"server of http://.*did not answer"):
        read(files_config(f"{server[0]}/broken.csv"), local_settings)


def test_a_server_that_is_down_is_worth_a_retry(local_settings, files_config):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(ServiceError, match=f"server of http://127.0.0.1:{port}/trips.csv did not answer"):
        read(files_config(f"http://127.0.0.1:{port}/trips.csv"), local_settings)


def test_secrets_of_the_address_come_from_the_environment(server, local_settings, files_config, raw_trips, monkeypatch):
    address, folder, asked = server
    raw_trips().to_csv(folder / "trips.csv", index=False)
    config = files_config(f"{address}/trips.csv", storage_options={"headers": {"X-Token": "${TRIPS_TOKEN}"}})
    with pytest.raises(SourceError, match=r"source\.storage_options: the environment variable TRIPS_TOKEN is not set"):
        read(config, local_settings)
    monkeypatch.setenv("TRIPS_TOKEN", "from-the-environment")
    read(config, local_settings)
    assert asked[-1] == "from-the-environment"
