"""Commands about model versions: their limits."""

from __future__ import annotations

import argparse

from driftgate.settings import Settings


def add_model_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the parser of ``driftgate``."""
    calibrate = commands.add_parser(
        "calibrate", help="learn the limits of a model version from its reference, within the false-alarm budget"
    )
    calibrate.add_argument("id", help="monitor id")
    calibrate.add_argument("--version", help="model version; default: the champion")
    calibrate.add_argument("--show", action="store_true", help="only show the limits that are in use")
    calibrate.set_defaults(command=_calibrate)


def _calibrate(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.calibration_commands import calibrate_command

    return calibrate_command(settings, arguments.id, arguments.version, arguments.show)
