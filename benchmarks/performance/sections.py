"""The sections of the benchmark: what each measures, how long it may take, and who measures it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """One part of the benchmark, measured in a process of its own."""

    title: str
    module: str
    arguments: Callable[[bool], tuple[Any, ...]]
    """What its ``run`` is called with; the argument says whether this is a smoke run."""
    minutes: float
    """After this long it is ended and counts as not measured."""

    def run(self, quick: bool) -> Iterator[Row]:
        """Measure; yield each row as soon as it is there, where the module does so."""
        yield from as_rows(importlib.import_module(self.module).run(*self.arguments(quick)))


SECTIONS: Mapping[str, Section] = {
    "window": Section("A window in Airflow", "benchmarks.performance.window", lambda quick: (quick,), 9),
    "scores": Section("The numbers of a day", "benchmarks.performance.scores", lambda quick: (quick,), 4),
    "big": Section("A big batch", "benchmarks.big_batch", lambda quick: ([300_000] if quick else [1_000_000, 3_000_000, 10_000_000],), 6),
    "backfill": Section(
        "A year of days", "benchmarks.performance.year", lambda quick: (10, "2013-03-10") if quick else (365, "2013-01-01"), 8
    ),
    "many": Section("Many models", "benchmarks.many_monitors", lambda quick: (3 if quick else 12, 1), 7),
}


def as_rows(found: Any) -> Iterator[Row]:
    """Yield what a module's ``run`` gave as rows: one dictionary, or several, each with ``what``."""
    items: Iterable[Any] = [found] if isinstance(found, Mapping) else found
    for number, item in enumerate(items, 1):
        size = f"{item['rows']:,} rows" if "rows" in item else f"figure {number}"
        yield {"what": size, **dict(item)}
