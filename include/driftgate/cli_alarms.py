"""Commands about incidents, messages, exports and Data Docs; registered by :mod:`driftgate.cli`."""

from __future__ import annotations

import argparse
import sys

from driftgate.settings import Settings

Commands = argparse._SubParsersAction


def add_alarm_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Register the commands."""
    _add_incidents(commands)
    _add_notify(commands)
    _add_export(commands)
    docs = commands.add_parser("docs", help="make the index of the Data Docs anew, and pages that are missing")
    docs.add_argument("--redraw", action="store_true", help="draw every page again (after an upgrade of Great Expectations)")
    docs.add_argument("--page", help="draw only this page of a validation; its path below the site")
    docs.set_defaults(command=_docs)


def _add_incidents(commands: Commands[argparse.ArgumentParser]) -> None:
    incidents = commands.add_parser("incidents", help="what is open; exit code 1 when it is critical and nobody has acknowledged it")
    incidents.add_argument("id", nargs="?", help="only this monitor")
    incidents.add_argument("--all", action="store_true", help="also those that are over")
    incidents.set_defaults(command=_incidents)
    ack = commands.add_parser("ack", help="acknowledge an incident: it stays open, and nobody is told again")
    ack.add_argument("incident", type=int, help="number of the incident, as `driftgate incidents` shows it")
    ack.set_defaults(command=_ack)


def _add_notify(commands: Commands[argparse.ArgumentParser]) -> None:
    notify = commands.add_parser("notify", help="messages: try a channel, look at the outbox, send what is due")
    actions = notify.add_subparsers(title="actions", metavar="ACTION", required=True)
    test = actions.add_parser("test", help="send a test message to a channel of include/notifications.yaml")
    test.add_argument("channel")
    test.set_defaults(command=_notify_test)
    deliver = actions.add_parser("deliver", help="send what is due now")
    deliver.set_defaults(command=_notify_deliver)
    messages = actions.add_parser("messages", help="the newest messages and what became of them")
    messages.add_argument("--troubled", action="store_true", help="only those that did not arrive")
    messages.set_defaults(command=_notify_messages)
    retry = actions.add_parser("retry", help="send messages that were given up after all")
    retry.add_argument("channel", nargs="?", help="only this channel")
    retry.set_defaults(command=_notify_retry)


def _add_export(commands: Commands[argparse.ArgumentParser]) -> None:
    export = commands.add_parser("export", help="send windows that Prometheus or InfluxDB did not get")
    export.add_argument("id", nargs="*", help="monitors; default: all")
    export.add_argument("--since", metavar="DATE", help="only windows that start here or later; default: all")
    export.add_argument("--sink", action="append", choices=["prometheus", "influxdb"], help="only this sink")
    export.add_argument("--again", action="store_true", help="also what was sent before (a new, empty InfluxDB)")
    export.set_defaults(command=_export)


def _incidents(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.notification_commands import incidents_command

    return incidents_command(settings, arguments.all, arguments.id)


def _ack(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.notification_commands import acknowledge_command

    return acknowledge_command(settings, arguments.incident)


def _notify_test(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.notification_commands import test_command

    return test_command(settings, arguments.channel)


def _notify_deliver(_: argparse.Namespace, settings: Settings) -> int:
    from driftgate.notification_commands import deliver_command

    return deliver_command(settings)


def _notify_messages(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.notification_commands import messages_command

    return messages_command(settings, arguments.troubled)


def _notify_retry(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.notification_commands import retry_command

    return retry_command(settings, arguments.channel)


def _export(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.config.loader import load_monitors
    from driftgate.context import open_context
    from driftgate.exporting import configured, export_since
    from driftgate.housekeeping import prune_pushgateway
    from driftgate.records import Sink

    if not configured(settings):
        print("no sink is configured: set PROMETHEUS_GATEWAY or INFLUXDB_URL (docs/sinks.md)", file=sys.stderr)
        return 2
    found = load_monitors(settings.monitors_dir)
    sinks = [Sink(name) for name in arguments.sink] if arguments.sink else None
    complete = True
    for monitor_id in arguments.id or found.monitors:
        for counts in export_since(open_context(monitor_id, settings), arguments.since, sinks, again=arguments.again):
            complete = complete and counts.complete
            superseded = f", {counts.superseded} older than what it shows" if counts.superseded else ""
            print(f"{monitor_id}: {counts.sink.value}: {counts.sent} sent, {counts.failed} failed, {counts.left} left{superseded}")
            if counts.error:
                print(f"  {counts.error}", file=sys.stderr)
    for name in prune_pushgateway(settings):
        print(f"{name}: removed from the Pushgateway, there is no such monitor any more")
    return 0 if complete else 1


def _docs(arguments: argparse.Namespace, settings: Settings) -> int:
    from driftgate.context import docs_lock
    from driftgate.gate.data_docs import draw_page, rebuild_docs

    if arguments.page:
        draw_page(arguments.page, settings)
        return 0

    def progress(done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            print(f"  {done} of {total} results", flush=True)

    windows = rebuild_docs(settings, progress, redraw=arguments.redraw, lock=docs_lock(settings))
    print(f"{windows} windows in {settings.data_docs_dir / 'index.html'}")
    return 0
