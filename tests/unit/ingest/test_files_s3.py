"""Source kind `files` on a real S3 server."""

from __future__ import annotations

import pytest

from driftgate.errors import ServiceError, SourceError
from driftgate.files import replacing
from driftgate.ingest.roles import source_columns
from driftgate.ingest.source import read_rows
from driftgate.storage import locate
from factories import make_config, make_window
from s3_server import BUCKET, CREDENTIALS

COLUMNS = source_columns(make_config())
TEMPLATE = f"s3://{BUCKET}/landing/{{window_start:%Y-%m-%d}}"
OPTIONS = {
    "key": "${LAKE_KEY}",
    "secret": "${LAKE_SECRET}",
    "client_kwargs": {"endpoint_url": "${LAKE_URL}", "region_name": "us-east-1"},
    "config_kwargs": {"retries": {"max_attempts": 1}},
}


@pytest.fixture
def deliver(s3, raw_trips):
    """Put the day's trips, or part of them, into the bucket."""

    def put(name, rows=None):
        rows = raw_trips() if rows is None else rows
        with replacing(locate(f"s3://{BUCKET}/landing/2024-01-01{name}")) as file:
            rows.to_parquet(file) if name.endswith("parquet") else rows.to_csv(file, index=False)

    return put


def read(config, settings):
    return read_rows(config, make_window(), COLUMNS, settings)


@pytest.mark.parametrize("name", [".csv", ".csv.gz", ".parquet"])
def test_files_of_every_format_are_read_from_s3(deliver, files_config, local_settings, name):
    deliver(name)
    found = read(files_config(TEMPLATE + name), local_settings)
    assert found["trip_id"].tolist() == ["b", "a", "c"]
    assert found["distance"].tolist() == [1.5, 2.5, 3.5]
    assert list(found.columns) == COLUMNS


def test_a_glob_finds_the_parts_in_the_order_of_their_names(deliver, files_config, local_settings, raw_trips):
    deliver("/b.parquet", raw_trips().iloc[2:])
    deliver("/a.parquet", raw_trips().iloc[:2])
    assert read(files_config(TEMPLATE + "/*.parquet"), local_settings)["trip_id"].tolist() == ["b", "a", "c"]
    assert read(files_config(TEMPLATE + "/*.csv"), local_settings).empty


def test_server_and_credentials_may_stand_in_the_monitor_file_by_the_names_of_variables(
    deliver, s3, files_config, local_settings, monkeypatch
):
    deliver(".csv")
    for name in ("AWS_ENDPOINT_URL", *CREDENTIALS):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAKE_KEY", "tester")
    monkeypatch.setenv("LAKE_SECRET", "for-tests-only")
    monkeypatch.setenv("LAKE_URL", s3.endpoint)
    assert len(read(files_config(TEMPLATE + ".csv", storage_options=OPTIONS), local_settings)) == 3


@pytest.mark.parametrize("path", [f"{TEMPLATE}.csv", f"{TEMPLATE}.parquet", "s3://nowhere/{window_start:%Y}.parquet"])
def test_a_file_that_is_not_there_is_named(s3, files_config, local_settings, path):
    with pytest.raises(SourceError, match=r"there is no file s3://.*(csv|parquet); deliver it"):
        read(files_config(path.replace("landing", "empty")), local_settings)


def test_missing_permission_is_told_without_secrets(deliver, s3, files_config, local_settings):
    deliver(".parquet")
    with (
        s3.asking_for_credentials(),
        pytest.raises(SourceError, match=r"no permission to read s3://.*check source.storage_options") as refused,
    ):
        read(files_config(TEMPLATE + ".parquet", storage_options={"skip_instance_cache": True}), local_settings)
    assert "for-tests-only" not in str(refused.value)


@pytest.mark.parametrize("name", [".csv", ".parquet", "/*.csv"])
def test_a_server_that_is_gone_is_tried_again_later(s3, files_config, local_settings, monkeypatch, name):
    monkeypatch.setenv("LAKE_KEY", "tester")
    monkeypatch.setenv("LAKE_SECRET", "for-tests-only")
    monkeypatch.setenv("LAKE_URL", "http://127.0.0.1:9")
    with pytest.raises(ServiceError, match=r"the server of s3://.* did not answer"):
        read(files_config(TEMPLATE + name, storage_options=OPTIONS), local_settings)
