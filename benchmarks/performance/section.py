"""Measure one section in this process: ``python -m benchmarks.performance.section NAME [--quick]``; the rows are its last line."""

from __future__ import annotations

import argparse
import json

from benchmarks.performance.sections import SECTIONS


def main() -> None:
    """Print the rows of one section as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=SECTIONS)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    rows = SECTIONS[arguments.name].run(arguments.quick)
    print("\nROWS " + json.dumps(rows, default=float))


if __name__ == "__main__":
    main()
