"""Command ``driftgate report``: the HTML report of a window when it is asked for; registered by :mod:`driftgate.cli`."""

from __future__ import annotations

import argparse

from driftgate.settings import Settings


def add_report_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    report = commands.add_parser("report", help="draw the HTML report of a measured window, whatever report.draw says")
    report.add_argument("id", help="monitor id")
    report.add_argument("--window", required=True, metavar="START", help="first moment of the window: 2013-04-05 or 2013-04-05T06:00")
    report.add_argument("--end", metavar="END", help="end of the window; default: START plus the monitor's window size")
    report.set_defaults(command=_report)


def _report(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.addresses import Addresses
    from driftgate.config.windows import label, window_at
    from driftgate.context import open_context
    from driftgate.reports import draw

    context = open_context(arguments.id, settings)
    window = window_at(context.config, arguments.window, arguments.end)
    report = draw(context, window)
    print(f"{arguments.id} {label(context.config, window)}: {report.html}")
    page = Addresses(settings).evidently_report(arguments.id, window)
    if page:
        print(f"in Airflow: {page}")
    return 0
