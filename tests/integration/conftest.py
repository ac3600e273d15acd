"""Every test here needs the real stack (see the fixture `world` in tests/conftest.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

LAST = ("test_backfill.py", "test_five_ways.py")
"""These add windows and monitors to the stack that all tests share; nothing that counts them comes after."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test in this folder that says neither `integration` nor `browser`: it would run in the quick stage."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.parent == here and item.path.name in LAST)
    strays = [
        item.nodeid
        for item in items
        if here in item.path.parents and not any(item.get_closest_marker(name) for name in ("integration", "browser"))
    ]
    if strays:
        raise pytest.UsageError(f"mark these tests with integration or browser: {', '.join(strays)}")
