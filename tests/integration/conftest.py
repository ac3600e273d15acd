"""Every test here needs the real stack (see the fixture `world` in tests/conftest.py)."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test in this folder that says neither `integration` nor `browser`: it would run in the quick stage."""
    here = Path(__file__).parent
    strays = [
        item.nodeid
        for item in items
        if here in item.path.parents and not any(item.get_closest_marker(name) for name in ("integration", "browser"))
    ]
    if strays:
        raise pytest.UsageError(f"mark these tests with integration or browser: {', '.join(strays)}")
