"""Pages of Data Docs that a backfill left to be drawn when they are opened."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading

from driftgate.gate.later_pages import is_promise
from driftgate.settings import Settings
from driftgate.storage import DataPath

log = logging.getLogger(__name__)

_LONGEST_S = 120
_one_at_a_time = threading.Lock()


def draw_if_promised(file: DataPath, page: str, settings: Settings) -> None:
    """Draw a page that was only promised; where that fails, the promise is shown, which says how to draw it.

    Another process draws it, so that this server never loads Great Expectations.

    Parameters
    ----------
    page
        The file's path below the site, known to be one of its files.
    """
    if not is_promise(file):
        return
    with _one_at_a_time:
        if is_promise(file):
            _draw(page, settings)


def _draw(page: str, settings: Settings) -> None:
    environ = {
        **os.environ,
        "DRIFTGATE_HOME": str(settings.home),
        "DRIFTGATE_PROJECT_ROOT": str(settings.project_root),
        "DRIFTGATE_MONITORS_DIR": str(settings.monitors_dir),
        "DRIFTGATE_GX_DIR": str(settings.gx_dir),
        "DRIFTGATE_DATA_URL": settings.data_url or "",
    }
    command = [sys.executable, "-m", "driftgate.cli", "docs", "--page", page]
    try:
        subprocess.run(command, env=environ, check=True, capture_output=True, timeout=_LONGEST_S)
    except subprocess.CalledProcessError as error:
        log.warning("the Data Docs page %s was not drawn: %s", page, error.stderr.decode(errors="replace")[-500:])
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("the Data Docs page %s was not drawn: %s", page, error)
