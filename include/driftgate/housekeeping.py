"""What is left behind by monitors that are gone, and its removal."""

from __future__ import annotations

import logging

from driftgate.config.loader import load_monitors
from driftgate.errors import DriftgateError
from driftgate.exporting import prune
from driftgate.settings import Settings

log = logging.getLogger(__name__)


def prune_pushgateway(settings: Settings) -> list[str]:
    """Remove the series of monitors that have no file any more from the Pushgateway; return their names.

    A monitor whose ``sinks.prometheus`` is off counts as gone. While a monitor file is broken nothing is removed: what belongs to it is
    not gone. A Pushgateway that does not answer is only logged.
    """
    if settings.prometheus_gateway is None:
        return []
    found = load_monitors(settings.monitors_dir)
    if found.errors:
        return []
    try:
        removed = prune(settings, [name for name, monitor in found.monitors.items() if monitor.config.sinks.prometheus])
    except DriftgateError as error:
        log.warning("the Pushgateway may still show monitors that are gone: %s", error)
        return []
    for name in removed:
        log.info("%s: removed from the Pushgateway, there is no such monitor any more", name)
    return removed
