"""Command ``driftgate``. Heavy libraries are imported by the command that needs them, so that ``--help`` is instant."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from driftgate import __version__
from driftgate.cli_alarms import add_alarm_commands
from driftgate.cli_backfill import add_backfill_command
from driftgate.cli_labels import add_label_commands
from driftgate.cli_models import add_model_commands
from driftgate.cli_reports import add_report_commands
from driftgate.cli_storage import add_storage_commands
from driftgate.errors import ConfigError, DriftgateError
from driftgate.settings import Settings, load

Command = Callable[[argparse.Namespace, Settings], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (0 done, 1 not as hoped, 2 wrong use or a clear error)."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    command: Command = arguments.command
    try:
        return command(arguments, load())
    except DriftgateError as error:
        print(f"driftgate: {error}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"driftgate: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        print("driftgate: interrupted; run the same command again to go on", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="driftgate", description="Closed-loop ML monitoring on Apache Airflow.")
    parser.add_argument("--version", action="version", version=f"driftgate {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is being done")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_monitor_commands(commands)
    add_backfill_command(commands)
    add_model_commands(commands)
    add_alarm_commands(commands)
    add_label_commands(commands)
    add_storage_commands(commands)
    add_report_commands(commands)
    _add_stack_commands(commands)
    return parser


def _add_monitor_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    validate = commands.add_parser("validate", help="check every monitor file")
    validate.add_argument("id", nargs="*", help="only these monitors")
    validate.set_defaults(command=_validate)

    run = commands.add_parser("run", help="take one window through the whole pipeline without Airflow")
    run.add_argument("id", help="monitor id")
    run.add_argument("--window", required=True, metavar="START", help="first moment of the window: 2013-04-05 or 2013-04-05T06:00")
    run.add_argument("--end", metavar="END", help="end of the window; default: START plus the monitor's window size")
    run.add_argument("--reprocess", action="store_true", help="read the source again even when the rows are already kept")
    run.add_argument("--retrain", action="store_true", help="carry out the retraining when the decision asks for one")
    run.set_defaults(command=_run)

    train = commands.add_parser("train", help="train a champion from a stretch of the source, window by window through the gate")
    train.add_argument("id", help="monitor id")
    train.add_argument("--from", dest="start", required=True, metavar="START", help="first day of training data")
    train.add_argument("--to", dest="end", required=True, metavar="END", help="end of training data (not included)")
    train.set_defaults(command=_train)

    rollback = commands.add_parser("rollback", help="put the previous champion back, its reference included")
    rollback.add_argument("id", help="monitor id")
    rollback.set_defaults(command=_rollback)

    migrate = commands.add_parser("migrate", help="bring the tables of the records up to date")
    migrate.add_argument(
        "--uri",
        help="database address of the role that owns the tables; default: that of the embedded stack where there is one, "
        "else DRIFTGATE_DATABASE_URI",
    )
    migrate.set_defaults(command=_migrate)


def _add_stack_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    up = commands.add_parser("up", help="start the embedded stack: PostgreSQL, MLflow, Airflow, Evidently UI")
    up.add_argument("--without-evidently", action="store_true", help="leave the Evidently UI out (DRIFTGATE_EVIDENTLY=off does too)")
    up.set_defaults(command=_up)

    down = commands.add_parser("down", help="stop the embedded stack; nothing is lost")
    down.set_defaults(command=_down)

    status = commands.add_parser("status", help="every process with port and health, the addresses and the login")
    status.add_argument("--json", action="store_true", help="the same for programs")
    status.set_defaults(command=_status)

    logs = commands.add_parser("logs", help="last lines of the stack's logs")
    logs.add_argument("name", nargs="?", help="one process, for example scheduler")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as lines arrive")
    logs.add_argument("-n", "--lines", type=int, default=20, help="how many lines (default 20)")
    logs.set_defaults(command=_logs)

    psql = commands.add_parser("psql", help="look into the records, read only")
    psql.add_argument("-c", "--sql", help="one statement; without it an interactive psql")
    psql.set_defaults(command=_psql)

    demo = commands.add_parser("demo", help="start the stack and run real flights through it")
    demo.set_defaults(command=_demo)


def _validate(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.config.loader import find_monitor, load_monitors, monitor_files
    from driftgate.config.notifications import check

    if arguments.id:
        for monitor_id in arguments.id:
            print(f"ok    {find_monitor(settings.monitors_dir, monitor_id).path}")
        return 0
    found = load_monitors(settings.monitors_dir)
    for path in monitor_files(settings.monitors_dir):
        if path in found.errors:
            print(f"WRONG {path}\n" + "\n".join(f"      {problem}" for problem in found.errors[path].problems))
        else:
            print(f"ok    {path}")
    problems = check(settings.notifications_path)
    if problems or settings.notifications_path.exists():
        print(f"{'WRONG' if problems else 'ok   '} {settings.notifications_path}" + "".join(f"\n      {line}" for line in problems))
    if not found.monitors and not found.errors:
        raise ConfigError([f"{settings.monitors_dir}: holds no monitor file; copy _template.yaml to <id>.yaml and fill it in"])
    return 1 if found.errors or problems else 0


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.commands import run_window_command

    return run_window_command(settings, arguments.id, arguments.window, arguments.end, arguments.reprocess, arguments.retrain)


def _train(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.commands import train_command

    return train_command(settings, arguments.id, arguments.start, arguments.end)


def _rollback(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.context import open_context
    from driftgate.retraining import rollback

    before, after = rollback(open_context(arguments.id, settings))
    print(f"{arguments.id}: champion is now version {after} again (was {before}); its reference comes with it")
    return 0


def _migrate(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.record.migrate import migrate

    migrate(arguments.uri or _owner_uri(settings))
    print("the tables of the records are up to date")
    return 0


def _owner_uri(settings: Settings) -> str:
    """Address for migrations: of the embedded stack, where there is one, that of the owner; its tasks' role may not migrate."""
    from driftgate.stack import state
    from driftgate.stack.layout import for_settings

    embedded = state.load(for_settings(settings))
    return settings.require_database() if embedded is None else embedded.owner_uri


def _up(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.stack.commands import render_status, up

    print(render_status(up(settings, evidently=False if arguments.without_evidently else None)))
    return 0


def _down(_: argparse.Namespace, settings: Settings) -> int:
    from driftgate.stack.commands import down

    down(settings)
    return 0


def _status(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate import attention
    from driftgate.stack.commands import render_status, status, status_json

    found = status(settings)
    wanted = attention.read(settings) if found.running or not found.addresses else None
    if arguments.json:
        print(status_json(found, more={"attention": attention.as_dict(wanted)}))
    else:
        print("\n".join([render_status(found), *attention.render(wanted)]))
    return found.exit_code


def _logs(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.stack.commands import logs

    logs(settings, arguments.name, follow=arguments.follow, lines=arguments.lines)
    return 0


def _psql(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.stack.commands import psql

    return psql(settings, arguments.sql)


def _demo(_: argparse.Namespace, settings: Settings) -> int:
    from driftgate.demo.run import run_demo

    return run_demo(settings)


if __name__ == "__main__":
    sys.exit(main())
