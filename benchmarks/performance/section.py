"""Measure one section in this process: ``python -m benchmarks.performance.section NAME [--quick]``.

Each row is printed on a line of its own as soon as it is known, so that what was measured is not lost when the rest takes too long.
"""

from __future__ import annotations

import argparse
import json

from benchmarks.performance.sections import SECTIONS


def main() -> None:
    """Print the rows of one section as JSON, one per line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=SECTIONS)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    for row in SECTIONS[arguments.name].run(arguments.quick):
        print("\nROW " + json.dumps(row, default=float), flush=True)


if __name__ == "__main__":
    main()
