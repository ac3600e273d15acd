"""What Data Docs of one window cost with few and with many past results, beside the site builder of Great Expectations.

    python benchmarks/data_docs.py                       # 10 and 2,000 past results
    python benchmarks/data_docs.py --past 100 --full 100  # other sizes; --full: sizes for a whole build by Great Expectations

The past is one real result of the flights monitor, copied to earlier days. Times are medians of
several windows, in milliseconds of processor time, so that a busy machine changes them little.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from driftgate.config.loader import find_monitor
from driftgate.config.models import MonitorConfig
from driftgate.config.windows import window_at
from driftgate.gate.checkpoint import run_gate
from driftgate.gate.data_docs import rebuild_docs, update_site
from driftgate.gate.docs_pages import validation_path
from driftgate.ingest.roles import apply_roles, source_columns
from driftgate.ingest.source import read_rows
from driftgate.records import Window
from driftgate.settings import Settings, load

DAY = datetime(2013, 4, 5)
WINDOWS = 7


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--past", type=int, nargs="+", default=[10, 2000], help="numbers of past results")
    parser.add_argument("--full", type=int, nargs="*", default=[10, 200], help="sizes at which Great Expectations builds everything")
    options = parser.parse_args()
    print(f"{'past results':>12}  {'Driftgate, one window':>22}  {'GX, one window':>15}  {'GX, everything':>15}")
    for count in sorted({*options.past, *options.full}):
        with tempfile.TemporaryDirectory() as folder:
            print(line(replace(load(), home=Path(folder)), count, full=count in options.full), flush=True)


def line(settings: Settings, count: int, *, full: bool) -> str:
    """Measure one size."""
    config = find_monitor(settings.monitors_dir, "flights").config
    stored = make_past(config, settings, count)
    ours = median(lambda day: one_window(config, settings, stored, day))
    one = median(lambda _: gx_build(settings, stored), 3)
    everything = f"{1000 * gx_build(settings, None):15,.0f}" if full else f"{'-':>15}"
    return f"{count:12,}  {ours:22,.1f}  {one:15,.1f}  {everything}"


def median(step: Callable[[int], float], times: int = WINDOWS) -> float:
    """Run a step several times, once more to warm up, and return its median in milliseconds."""
    return 1000 * statistics.median([step(day) for day in range(times + 1)][1:])


def make_past(config: MonitorConfig, settings: Settings, count: int) -> Path:
    """Validate one real day, copy its result and page to the days before, and make the index; returns the stored result."""
    window = window_at(config, DAY)
    run_gate(config, window, rows_of(config, window, settings), settings)
    stored = next(settings.validations_dir.rglob("*.json"))
    page = settings.data_docs_dir / validation_path(stored, settings.validations_dir)
    for days in range(1, count):
        copy_result(stored, page, window, window_at(config, DAY - timedelta(days=days)), settings)
    rebuild_docs(settings)
    return stored


def rows_of(config: MonitorConfig, window: Window, settings: Settings) -> pd.DataFrame:
    return apply_roles(read_rows(config, window, source_columns(config), settings), config, window)[0]


def copy_result(stored: Path, page: Path, window: Window, other: Window, settings: Settings) -> Path:
    """Copy a stored result and its page to another window; returns the copy of the result."""
    text = stored.read_text().replace(window.key, other.key).replace(window.start.isoformat(), other.start.isoformat())
    folders = Path("flights", f"flights-{other.key}", f"{other.start:%Y%m%dT%H%M%S.%fZ}")
    copies = (settings.validations_dir / folders / stored.name, text), (settings.data_docs_dir / "validations" / folders / page.name, "")
    for path, content in copies:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return copies[0][0]


def one_window(config: MonitorConfig, settings: Settings, stored: Path, day: int) -> float:
    """Return the processor seconds that the pages of one new window take."""
    from driftgate.gate.context import open_context

    page = settings.data_docs_dir / validation_path(stored, settings.validations_dir)
    new = copy_result(stored, page, window_at(config, DAY), window_at(config, DAY + timedelta(days=day + 1)), settings)
    context = open_context()
    started = time.process_time()
    update_site(context, new, config, settings, "benchmark")
    return time.process_time() - started


def gx_build(settings: Settings, stored: Path | None) -> float:
    """Return the processor seconds that Great Expectations' own site builder takes: for one result, or (None) for all."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults
    from great_expectations.data_context.types.resource_identifiers import ValidationResultIdentifier

    def backend(folder: Path) -> dict[str, Any]:
        return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}

    site = {
        "class_name": "SiteBuilder",
        "store_backend": backend(settings.data_docs_dir),
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    results = {"class_name": "ValidationResultsStore", "store_backend": backend(settings.validations_dir)}
    defaults = InMemoryStoreBackendDefaults()
    config = DataContextConfig(
        store_backend_defaults=defaults,
        stores={**defaults.stores, "validation_results_store": results},
        data_docs_sites={"site": site},
        analytics_enabled=False,
        progress_bars={"globally": False},
    )
    context = gx.get_context(project_config=config, mode="ephemeral")
    identifiers = None
    if stored:
        key = stored.relative_to(settings.validations_dir).with_suffix("").parts
        identifiers = [ValidationResultIdentifier.from_tuple(key)]
    started = time.process_time()
    context.build_data_docs(resource_identifiers=identifiers)
    return time.process_time() - started


if __name__ == "__main__":
    main()
