"""Data in an object store, on a real S3 server; and that data in folders stays what it was."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftgate import storage
from driftgate.cli import main
from driftgate.errors import ServiceError, SettingsError, SourceError
from driftgate.files import kept_folder, replacing, replacing_folder, write_json, write_text
from driftgate.ingest.batch_store import read_batch, write_batch
from driftgate.settings import Settings, load
from driftgate.storage import RemotePath, as_local, locate, open_binary, read_frame, remove_tree
from factories import make_frame
from s3_server import BUCKET, S3Server

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(s3: S3Server, request: pytest.FixtureRequest) -> RemotePath:
    """A prefix of the test's own."""
    found = locate(f"s3://{BUCKET}/{request.node.name}")
    assert isinstance(found, RemotePath)
    return found


# --- addresses --------------------------------------------------------------------------------------------------------


def test_an_address_keeps_its_form_through_records() -> None:
    path = locate("s3://lake/prod/") / "batches" / "flights"
    assert str(path) == "s3://lake/prod/batches/flights"
    assert locate(str(path)) == path
    assert (path.name, path.parent.name, (path / "a.parquet").with_suffix(".json").name) == ("flights", "batches", "a.json")
    assert (path / "x" / "a.json").relative_to(path) == PurePosixPath("x/a.json")
    assert sorted([path / "b", path / "a"]) == [path / "a", path / "b"]


@pytest.mark.parametrize("address", ["/data/x.parquet", "data/x.parquet", "x.parquet"])
def test_what_is_no_url_is_a_file(address: str) -> None:
    assert locate(address) == Path(address)


def test_a_file_url_is_a_folder() -> None:
    assert locate("file:///mnt/shared") == Path("/mnt/shared")


@pytest.mark.parametrize("address", ["s3://", "ftp://host/x", "s3:///x", "http://host/x"])
def test_an_address_that_is_no_place_for_data_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="s3://bucket/prefix"):
        locate(address)


@pytest.mark.parametrize("address", ["s3://key:topsecret@lake/x", "minio://key:topsecret@host:9000/lake"])
def test_a_login_in_an_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID") as refused:
        load({"DRIFTGATE_DATA_URL": address})
    assert "topsecret" not in str(refused.value)
    assert "DRIFTGATE_DATA_URL" in str(refused.value)


@pytest.mark.parametrize("part", ["..", "../x", "a/../../x", "/x"])
def test_no_part_leads_out_of_its_folder(part: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        locate("s3://lake/a") / part
    with pytest.raises(ValueError, match="leads out"):
        locate("s3://lake/a").joinpath("b", part)
    with pytest.raises((SettingsError, ValueError)):
        load({"DRIFTGATE_DATA_URL": f"s3://lake/a/{part}/.."})


# --- settings ---------------------------------------------------------------------------------------------------------


def test_without_a_data_location_every_path_is_that_of_the_state_folder(settings: Settings) -> None:
    home = settings.home
    assert settings.window_dir("flights", "w") == home / "batches" / "flights" / "w"
    assert settings.training_dir("flights", "w") == home / "training" / "flights" / "w"
    assert (settings.validations_dir, settings.data_docs_dir) == (home / "gx" / "validations", home / "gx" / "data_docs")
    assert settings.references_dir == settings.shared_references_dir == home / "references"
    assert settings.evidently_dir == home / "evidently"


def test_with_a_data_location_what_tasks_share_lies_there_and_caches_stay(tmp_path: Path) -> None:
    settings = load({"DRIFTGATE_HOME": str(tmp_path), "DRIFTGATE_DATA_URL": "s3://lake/prod", "DRIFTGATE_EVIDENTLY_DIR": "/mnt/evidently"})
    shared = [settings.window_dir("m", "w"), settings.training_dir("m", "w"), settings.data_docs_dir, settings.shared_references_dir]
    assert {str(path).startswith("s3://lake/prod/") for path in shared} == {True}
    assert settings.references_dir == tmp_path / "references"
    assert settings.evidently_dir == Path("/mnt/evidently")


def test_a_shared_folder_is_a_data_location_too(tmp_path: Path) -> None:
    settings = load({"DRIFTGATE_HOME": str(tmp_path / "home"), "DRIFTGATE_DATA_URL": str(tmp_path / "shared")})
    assert settings.window_dir("m", "w") == tmp_path / "shared" / "batches" / "m" / "w"


def test_nothing_of_an_object_store_is_imported_for_data_in_folders(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from driftgate.settings import load; from driftgate.ingest.batch_store import *;"
        "import pandas as pd;"
        f"s = load({{'DRIFTGATE_HOME': {str(tmp_path)!r}}});"
        "w = write_batch(pd.DataFrame({'a': [1]}), s.window_dir('m', 'w')); read_batch(str(w.path));"
        "print(sorted({'s3fs', 'upath', 'aiobotocore', 'botocore', 'gcsfs', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


# --- reading and writing ----------------------------------------------------------------------------------------------


def test_an_object_is_written_read_found_and_removed(folder: RemotePath) -> None:
    path = folder / "deep" / "a.json"
    assert not path.is_file()
    write_json(path, {"text": "Zürich"})
    write_text(folder / "b.txt", "")
    assert path.is_file()
    assert path.read_text(encoding="utf-8") == '{\n "text": "Zürich"\n}\n'
    assert (folder / "b.txt").read_bytes() == b""
    assert not (folder / "deep").is_file(), "a prefix is no file"
    assert list(folder.rglob("*.json")) == [path]
    assert sorted(folder.rglob("*")) == [folder / "b.txt", path]
    (folder / "b.txt").unlink()
    (folder / "b.txt").unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        (folder / "b.txt").unlink()
    assert list(folder.rglob("*")) == [path]
    remove_tree(folder)
    remove_tree(folder)
    assert list(folder.rglob("*")) == []


def test_one_prefix_is_not_the_beginning_of_another(folder: RemotePath) -> None:
    write_text(folder / "v1" / "a", "x")
    write_text(folder / "v10" / "a", "x")
    remove_tree(folder / "v1")
    assert list(folder.rglob("*")) == [folder / "v10" / "a"]


def test_a_failure_while_writing_leaves_the_former_object(folder: RemotePath) -> None:
    write_text(folder / "a", "former")

    def fail() -> None:
        with replacing(folder / "a") as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (folder / "a").read_text() == "former"
    assert list(folder.rglob("*")) == [folder / "a"]


def test_what_was_written_elsewhere_is_seen_at_once(folder: RemotePath, s3: S3Server) -> None:
    path = folder / "a"
    assert not path.is_file()
    assert list(folder.rglob("*")) == []
    s3.request("PUT", f"/{path.place}", b"from another machine")
    assert path.is_file()
    assert path.read_text() == "from another machine"
    assert list(folder.rglob("*")) == [path]


def test_a_batch_is_the_same_in_a_folder_and_in_a_store(folder: RemotePath, tmp_path: Path) -> None:
    frame = make_frame(500, seed=3)
    near, far = write_batch(frame, tmp_path), write_batch(frame, folder)
    assert replace(near, path=far.path) == far
    assert str(far.path) == f"{folder}/{near.path.name}"
    assert Path(str(near.path)).read_bytes() == locate(str(far.path)).read_bytes()
    pd.testing.assert_frame_equal(read_batch(str(far.path)), read_batch(near.path))
    some = list(frame.columns[:2])
    pd.testing.assert_frame_equal(read_batch(str(far.path), some), read_batch(near.path, some))


def test_a_batch_that_is_gone_is_named(folder: RemotePath) -> None:
    with pytest.raises(SourceError, match=rf"the batch {folder}/batch-0.parquet is gone; run its window again with reprocess"):
        read_batch(folder / "batch-0.parquet")
    (broken := folder / "broken.parquet")
    write_text(broken, "no Parquet")
    with pytest.raises(SourceError, match="cannot be read"):
        read_batch(broken)


def test_of_a_large_object_only_what_is_needed_is_fetched(folder: RemotePath, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_WHOLE_BYTES", 100_000)
    frame = pd.DataFrame({f"c{number}": pd.Series(range(number, number + 200_000)) * 7919 % 1_000_003 for number in range(8)})
    path = folder / "wide.parquet"
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_pandas(frame), temporary, row_group_size=50_000)
        size = temporary.stat().st_size
    fetched: list[int] = []
    read_range = RemotePath.read_range

    def counted(self: RemotePath, start: int, end: int) -> bytes:
        fetched.append(end - start)
        return read_range(self, start, end)

    monkeypatch.setattr(RemotePath, "read_range", counted)
    pd.testing.assert_frame_equal(read_frame(path, ["c3"]), frame[["c3"]])
    assert sum(fetched) < size / 5
    assert len(fetched) < 12
    fetched.clear()
    with open_binary(path) as stream:
        file = pq.ParquetFile(stream, pre_buffer=True)
        part = file.read_row_group(2, columns=["c0", "c7"]).to_pandas()
    pd.testing.assert_frame_equal(part, frame.loc[100_000:149_999, ["c0", "c7"]].reset_index(drop=True), check_index_type=False)
    assert sum(fetched) < size / 8
    pd.testing.assert_frame_equal(read_frame(path), frame)


def test_a_large_object_reads_like_a_file(folder: RemotePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_WHOLE_BYTES", 10)
    content = bytes(range(256)) * 3
    (tmp_path / "x").write_bytes(content)
    with replacing(folder / "x") as temporary:
        temporary.write_bytes(content)
    with open_binary(folder / "x") as far, open_binary(tmp_path / "x") as near:
        for offset, whence, size in ((0, 0, 10), (5, 1, 3), (-20, 2, 40), (700, 0, 1000), (9999, 0, 5), (0, 0, 0), (3, 0, -1)):
            assert far.seek(offset, whence) == near.seek(offset, whence)
            assert far.read(size) == near.read(size)
            assert far.tell() == near.tell()
        far.seek(1)
        buffer = bytearray(4)
        assert far.readinto(buffer) == 4  # type: ignore[attr-defined]
        assert bytes(buffer) == content[1:5]


def test_a_copy_for_other_programs_has_the_name_and_goes_again(folder: RemotePath, tmp_path: Path) -> None:
    write_text(folder / "report.html", "<p>")
    with as_local(folder / "report.html") as file:
        assert (file.name, file.read_text()) == ("report.html", "<p>")
    assert not file.exists()
    (tmp_path / "own.html").write_text("x")
    with as_local(tmp_path / "own.html") as file:
        assert file == tmp_path / "own.html"
    assert file.exists()


def test_a_folder_is_replaced_as_a_whole_in_a_store_and_on_disk(folder: RemotePath, tmp_path: Path) -> None:
    for place in (folder / "estimator", tmp_path / "estimator"):
        with kept_folder(place) as found:
            assert found is None
        for names in (("a.json", "b.bin"), ("a.json",)):
            with replacing_folder(place) as made:
                for name in names:
                    (made / name).write_text(f"{name} of {len(names)}")
            with kept_folder(place) as found:
                assert found is not None
                assert {file.name: file.read_text() for file in found.iterdir()} == {name: f"{name} of {len(names)}" for name in names}
        with pytest.raises(RuntimeError), replacing_folder(place):
            raise RuntimeError
        with kept_folder(place) as found:
            assert found is not None
            assert [file.name for file in found.iterdir()] == ["a.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["estimator"]
    assert [path.name for path in folder.rglob("*")] == ["estimator.zip"]


def test_threads_and_forked_processes_reach_the_store_by_themselves(folder: RemotePath) -> None:
    write_text(folder / "a", "x")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: (folder / "a").read_text(), range(40))) == {"x"}
    fork = multiprocessing.get_context("fork")
    with fork.Pool(2) as processes:
        assert processes.map(RemotePath.read_text, [folder / "a"] * 4) == ["x"] * 4
    assert (folder / "a").read_text() == "x"


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_tells_where_data_lies_and_tries_it(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DRIFTGATE_HOME", str(tmp_path))
    assert main(["storage"]) == 0
    said = capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert f"{tmp_path} (the state folder; set DRIFTGATE_DATA_URL)" in said
    assert "DRIFTGATE_EVIDENTLY_DIR" not in said
    monkeypatch.setenv("DRIFTGATE_DATA_URL", f"s3://{BUCKET}/doctor")
    assert main(["storage"]) == 0
    said = capsys.readouterr().out
    assert f"s3://{BUCKET}/doctor (server {s3.endpoint})" in said
    assert "written, read, listed and removed" in said
    assert "windows that other machines run are not shown there; set DRIFTGATE_EVIDENTLY_DIR" in said
    assert list(locate(f"s3://{BUCKET}/doctor").rglob("*")) == []
    monkeypatch.setenv("DRIFTGATE_DATA_URL", "s3://nowhere/x")
    assert main(["storage"]) == 2
    assert "there is no bucket 'nowhere'" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DRIFTGATE_DATA_URL", str(tmp_path / "file"))
    assert main(["storage"]) == 2
    assert "cannot be written and read" in capsys.readouterr().err


# --- faults -----------------------------------------------------------------------------------------------------------


def test_a_bucket_that_is_not_there_is_named(s3: S3Server) -> None:
    path = locate("s3://nowhere/prod/a.json")
    with pytest.raises(
        SettingsError, match=r"s3://nowhere/prod/a.json \(server http://127.0.0.1:\d+\): there is no bucket 'nowhere'.*DATA_URL"
    ):
        write_text(path, "x")
    with pytest.raises(SettingsError, match="no bucket 'nowhere'"):
        path.is_file()
    with pytest.raises(SettingsError, match="no bucket 'nowhere'"):
        read_batch(path)
    with pytest.raises(SettingsError, match="no bucket 'nowhere'"):
        list(path.rglob("*"))


def test_missing_permission_is_a_setting_to_correct_and_never_a_missing_file(folder: RemotePath, s3: S3Server) -> None:
    write_text(folder / "a", "x")
    with s3.asking_for_credentials():
        for attempt in (lambda: (folder / "a").read_text(), lambda: (folder / "a").is_file(), lambda: write_text(folder / "b", "x")):
            with pytest.raises(SettingsError, match=r"no permission .*AWS_ACCESS_KEY_ID") as refused:
                attempt()
            assert not refused.value.retryable
            assert "for-tests-only" not in str(refused.value)
    assert (folder / "a").is_file()


def test_missing_credentials_are_named(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SettingsError, match=r"NoCredentialsError.*AWS_ACCESS_KEY_ID"):
        locate(f"s3://{BUCKET}/a").is_file()


def test_a_server_that_is_gone_is_never_a_missing_file(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setitem(storage._OPTIONS, "s3", {"config_kwargs": {"retries": {"max_attempts": 1}}})
    path = locate(f"s3://{BUCKET}/a.parquet")
    for attempt in (path.is_file, lambda: read_batch(path), lambda: write_text(path, "x")):
        with pytest.raises(ServiceError, match=rf"s3://{BUCKET}/a.parquet \(server http://127.0.0.1:9\): the store did not answer") as gone:
            attempt()
        assert gone.value.retryable


def test_a_kind_of_store_whose_package_is_missing_is_named() -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(SettingsError, match=r"az://box/a: a package .* is missing.*adlfs"):
        locate("az://box/a").is_file()
