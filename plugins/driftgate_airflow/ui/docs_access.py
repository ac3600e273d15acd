"""Whose results a file of the Data Docs site shows."""

from __future__ import annotations

import re
from collections.abc import Collection

_PAGE = re.compile(r"validations/[^/]+/([a-z][a-z0-9_]*)-\d{8}T\d{6}Z-\d{8}T\d{6}Z/")
_LISTING = re.compile(r"results/([a-z][a-z0-9_]*)/")
_INDEX = "index.html"


def shown_monitors(path: str, known: Collection[str]) -> set[str]:
    """Return the monitors whose results are on a page of the site.

    Parameters
    ----------
    path
        The file's path below the site's root, with all ``..`` resolved.
    known
        Every monitor: the index lists all of them.

    Returns
    -------
    set of str
        Empty for what is nobody's results: suites, pictures, styles.
    """
    if path == _INDEX:
        return set(known)
    found = _PAGE.match(path) or _LISTING.match(path)
    return {found[1]} if found else set()
