"""What a section found: rows of numbers, kept as JSON between measuring and writing the page.

A row is a dictionary: ``what`` says what was measured; a list is one value per repetition, a number is a single value; names carry the unit
(``row_s``, ``memory_mb``). Sections of other modules return the same shape.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".driftgate" / "bench"
"""Where results lie; not part of the repository."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of one section."""

    section: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    problem: str | None = None
    """Why it was not measured; None when it was."""
    seconds: float = 0.0
    load_before: float = 0.0
    load_after: float = 0.0
    quick: bool = False

    def find(self, what: str) -> Row | None:
        return next((row for row in self.rows if row["what"] == what), None)


def values(row: Row | None, name: str) -> list[float]:
    """Return the repetitions of one number; empty where it is not known."""
    found = None if row is None else row.get(name)
    if found is None:
        return []
    return [float(item) for item in found] if isinstance(found, Sequence) and not isinstance(found, str) else [float(found)]


def spread(found: Sequence[float], digits: int = 2) -> str:
    """Write a median with the smallest and largest value, for example ``3.10 (2.90 to 3.60, n=7)``."""
    if not found:
        return "not measured"
    if len(found) == 1:
        return f"{found[0]:.{digits}f}"
    return f"{median(found):.{digits}f} ({min(found):.{digits}f} to {max(found):.{digits}f}, n={len(found)})"


def save(outcome: Outcome) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    _path(outcome.section).write_text(json.dumps(asdict(outcome), indent=1), encoding="utf-8")


def load_all(sections: Sequence[str]) -> dict[str, Outcome]:
    """Return the kept outcomes by section."""
    kept = {name: _path(name) for name in sections}
    return {name: Outcome(**json.loads(path.read_text(encoding="utf-8"))) for name, path in kept.items() if path.is_file()}


def _path(section: str) -> Path:
    return FOLDER / f"{section}.json"
