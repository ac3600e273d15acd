"""Write every generated file below ``include/grafana``: ``python -m driftgate_dashboards [--output FOLDER] [--airflow-url URL] ...``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from driftgate_dashboards import (
    dashboard_drift,
    dashboard_fleet,
    dashboard_kpis,
    dashboard_model,
    dashboard_operations,
    dashboard_performance,
    dashboard_quality,
    rules,
)
from driftgate_dashboards.layout import Page, as_json, build
from driftgate_dashboards.links import Addresses

GRAFANA = Path(__file__).resolve().parents[1] / "grafana"
PAGES: Sequence[Callable[[], Page]] = (
    dashboard_fleet.page,
    dashboard_model.page,
    dashboard_drift.page,
    dashboard_quality.page,
    dashboard_performance.page,
    dashboard_operations.page,
    dashboard_kpis.page,
)


def generate(addresses: Addresses) -> dict[str, str]:
    """Return every generated file: its path below ``include/grafana`` to its text."""
    pages = [make() for make in PAGES]
    files = {f"dashboards/{page.uid}.json": as_json(page, addresses) for page in pages}
    files["provisioning/alerting/rules.yml"] = rules.as_yaml(addresses, {page.uid: build(page, addresses) for page in pages})
    return files


def write(folder: Path, addresses: Addresses) -> list[Path]:
    """Write the files into a folder and return their paths."""
    written = []
    for name, text in generate(addresses).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    default = Addresses()
    parser = argparse.ArgumentParser(prog="python -m driftgate_dashboards", description="Write Grafana's dashboards and alert rules.")
    parser.add_argument("--output", type=Path, default=GRAFANA, help="folder to write into (default: include/grafana)")
    parser.add_argument("--airflow-url", default=default.airflow, help="address of Airflow for links (default: %(default)s)")
    parser.add_argument("--mlflow-url", default=default.mlflow, help="address of MLflow for links (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    for path in write(chosen.output, Addresses(chosen.airflow_url.rstrip("/"), chosen.mlflow_url.rstrip("/"))):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
