"""When the HTML report of a window is drawn."""

from __future__ import annotations

from typing import Literal

from driftgate.config.section import Section


class ReportConfig(Section):
    """Drawing takes longer than all numbers of a window together; nothing of the record waits for it."""

    draw: Literal["always", "on_alarm", "on_demand"] = "always"
    """`always`: for every measured window; `on_alarm`: where a metric is beyond its limit or a rule is broken; `on_demand`: when asked
    for, on the monitor's page or with ``driftgate report``. A report can be asked for whatever this says."""
