"""The Dockerfile: pinned, without secrets, not root, with bytecode."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_base_image_is_pinned_and_used_by_both_stages() -> None:
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.11\.\d+-slim-bookworm$", DOCKERFILE, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${PYTHON_IMAGE}", "${PYTHON_IMAGE}"]


def test_the_image_runs_as_an_ordinary_user() -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["driftgate"]
    assert DOCKERFILE.index("\nUSER driftgate") < DOCKERFILE.index("\nCMD ")


def packages(name: str) -> list[str]:
    return [line for line in (ROOT / name).read_text().splitlines() if line and not line.lstrip().startswith("#")]


def test_packages_come_pinned_and_compiled() -> None:
    assert "pip install --no-compile -r /tmp/requirements.txt -r /tmp/requirements-cluster.txt" in DOCKERFILE
    assert "compileall" in DOCKERFILE
    main, cluster = packages("requirements.txt"), packages("requirements-cluster.txt")
    assert main
    assert all(re.match(r"[A-Za-z0-9_.\[\]-]+==\S+", line) for line in [*main, *cluster])


def test_what_several_machines_need_is_in_the_image_and_not_in_the_embedded_stack() -> None:
    main, cluster = (dict(line.split("==") for line in packages(name)) for name in ("requirements.txt", "requirements-cluster.txt"))
    tests = dict(line.split("==") for line in packages("requirements-dev.txt"))
    assert {name for other in (main, tests) for name in cluster if other.get(name, cluster[name]) != cluster[name]} == set()
    assert {"celery", "redis", "kubernetes"} <= set(cluster) - set(main)


def test_no_secret_is_built_in() -> None:
    assert not re.search(r"PASSWORD|SECRET|FERNET|TOKEN", DOCKERFILE)


def test_everything_that_is_copied_is_let_through_and_nothing_else() -> None:
    copied = {name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]}
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    for name in copied:
        assert (ROOT / name).exists(), name
    assert {"**/.env", "**/.driftgate", "**/__pycache__"} <= set(lines)


def test_volumes_are_mounted_on_folders_that_the_image_gives_to_its_user(services: dict[str, dict[str, object]]) -> None:
    made = re.search(r"install -d -o driftgate -g driftgate (.+)$", DOCKERFILE, re.MULTILINE)
    assert made
    owned = {f"/opt/driftgate/{name}" for name in made[1].split()}
    for name in ("airflow-init", "airflow-apiserver", "airflow-scheduler", "mlflow"):
        mounts = [str(mount) for mount in services[name]["volumes"] if not str(mount).startswith("./")]  # type: ignore[attr-defined]
        targets = {re.sub(r"^(\$\{[^}]*\}|[a-z-]+):([^:]+).*$", r"\2", mount) for mount in mounts}
        assert targets <= owned, name
