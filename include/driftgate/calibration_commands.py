"""Bodies of ``driftgate calibrate``: learning the limits of a model version, and showing what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from driftgate import baselines
from driftgate.context import Context, open_context
from driftgate.errors import ModelNotFoundError
from driftgate.records import UNVERSIONED
from driftgate.rules import number
from driftgate.settings import Settings
from driftgate.text import align

if TYPE_CHECKING:
    from driftgate.calibrate.calibration import Address, Calibration
    from driftgate.calibrate.drift_limit import DriftLimit

_HEAD = ("what", "method", "learned from", "limit", "at rows", "fewest rows")


def calibrate_command(settings: Settings, monitor_id: str, version: str | None, show: bool) -> int:
    """Learn (or only show) the limits of a version, by default the champion; 1 when there are none."""
    context = open_context(monitor_id, settings)
    version = version or _champion(context)
    known = baselines.load(context, version) if show else baselines.build(context, version)
    if known is None:
        print(f"{monitor_id}: nothing was learned yet for version {version or UNVERSIONED}; run `driftgate calibrate {monitor_id}`")
        return 1
    if known.calibration is None:
        print(f"{monitor_id}: {_why_none(context)}")
        return 1
    print("\n".join(render(context, version, known.calibration)))
    return 0


def _champion(context: Context) -> str | None:
    if context.config.model.predictions == "source":
        return None
    found = context.registry.champion_version(context.config.model_name)
    if found is None:
        raise ModelNotFoundError(
            f"monitor {context.config.id}: there is no champion to calibrate; train one with `driftgate train {context.config.id}`"
        )
    return found


def _why_none(context: Context) -> str:
    if context.config.measures.thresholds == "fixed":
        return "thresholds are fixed (measures.thresholds in the monitor file), so there is nothing to learn"
    return "the reference holds fewer than 8 windows with enough rows, so fixed thresholds are used; train on a longer stretch"


def render(context: Context, version: str | None, calibration: Calibration) -> list[str]:
    """Return the lines that show a calibration: what it rests on, then a limit per line."""
    rows = round(calibration.usual_rows)
    table = [_HEAD, *sorted(_drift_lines(calibration, rows)), *_other_lines(calibration, rows)]
    return [
        f"{context.config.id}, version {version or UNVERSIONED}: at most {calibration.budget}, "
        f"a chance of {calibration.chance_per_window:.2%} per window for all of the following together",
        f"learned from {calibration.windows} windows of about {rows} rows, {calibration.first[:10]} to {calibration.last[:10]}",
        *_inherited(calibration),
        *align(table),
        *(f"note: {note}" for note in calibration.notes),
    ]


def _inherited(calibration: Calibration) -> Iterator[str]:
    if calibration.spread_windows:
        yield f"how much ordinary windows differ: from {calibration.spread_windows} windows of the version before"


def _drift_lines(calibration: Calibration, rows: int) -> Iterator[tuple[str, ...]]:
    for address, limit in calibration.drift.items():
        least = "none is enough" if limit.minimum_rows is None else str(limit.minimum_rows)
        yield (_name(address), limit.method, _regime(limit), number(limit.threshold(rows)), str(rows), least)


def _regime(limit: DriftLimit) -> str:
    return "sampling (windows are like random samples)" if limit.regime == "sampling" else f"{limit.windows} windows that differ"


def _other_lines(calibration: Calibration, rows: int) -> Iterator[tuple[str, ...]]:
    for address, share in sorted(calibration.shares.items()):
        yield (_name(address), "share", "counts" if share.learned is None else "windows", number(share.threshold(rows)), str(rows), "")
    for address, value in sorted(calibration.values.items()):
        low, high = value.bounds(rows)
        shown = " to ".join("" if edge is None else number(edge) for edge in (low, high)).strip()
        yield (_name(address), "value", f"{value.windows} windows", shown, str(rows), "")
    for address, slow in sorted(calibration.slow.items()):
        name = f"slow_drift of {address[2]}" if address[2] else "slow_drift"
        yield (name, address[1], f"{slow.windows} windows", number(slow.limit), "up to 14 windows", "")


def _name(address: Address) -> str:
    return " of ".join(filter(None, address[1:]))
