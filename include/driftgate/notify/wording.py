"""What a message says about an incident, a waiting challenger, a day; the same for every kind of channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from driftgate.config.models import MonitorConfig
from driftgate.config.windows import label
from driftgate.notify.notice import CRITICAL, GOOD, NEUTRAL, WARNING, Fact, Link, Notice, Part, listing, one_line, shorten
from driftgate.records import Cause, Incident, LikelyCause, Retraining, Severity, Window, to_dict
from driftgate.rules import number

_REASONS, _CAUSES, _DIGEST_LINES = 10, 8, 25
_SUBJECT_REASON = 90
_TONES = {Severity.CRITICAL: CRITICAL, Severity.WARNING: WARNING}


@dataclass(frozen=True)
class About:
    """What is known about a monitor; ``config`` is None when its file is gone or not valid."""

    monitor: str
    config: MonitorConfig | None = None

    @property
    def model(self) -> str:
        return self.config.model_name if self.config else self.monitor

    @property
    def owner(self) -> str:
        return self.config.owner if self.config else ""

    def label(self, window: Window) -> str:
        """Name a window as the monitor's pages do; without the monitor's file in UTC."""
        return label(self.config, window) if self.config else f"{window.start:%Y-%m-%d %H:%M}Z"

    def window(self, window: Window) -> str:
        """Write a window in the monitor's time zone and in UTC."""
        utc = f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"
        if self.config is None or self.config.schedule.timezone == "UTC":
            return utc
        return f"{self.label(window)} in {self.config.schedule.timezone} ({utc})"


def opened(key: str, incident: Incident, about: About, links: Sequence[Link] = (), *, worsened: bool = False) -> Notice:
    """Tell that an incident is open; of one that is over by now, that it was."""
    is_over = incident.resolved is not None
    worse = "It was a warning and is critical now. " if worsened else ""
    return _about_incident(
        key,
        "opened",
        incident,
        about,
        links,
        label="over" if is_over else incident.severity.value,
        tone=GOOD if is_over else _TONES[incident.severity],
        title=_headline(incident, about),
        summary=_TOLD_LATE if is_over else worse + _summary(incident, about),
    )


def resolved(key: str, incident: Incident, about: About, links: Sequence[Link] = ()) -> Notice:
    """Tell that an incident is over."""
    good = incident.resolved_window
    by = f" with {about.label(good)}" if good else ""
    return _about_incident(
        key,
        "resolved",
        incident,
        about,
        links,
        label="resolved",
        tone=GOOD,
        title=f"{_headline(incident, about)}: over{by}",
        summary=f"{_WHAT_IS_GOOD[incident.cause]} It was open for {_windows(incident.count)}.",
    )


def _about_incident(
    key: str, event: str, incident: Incident, about: About, links: Sequence[Link], *, label: str, tone: str, title: str, summary: str
) -> Notice:
    parts = (
        listing("What is wrong" if tone != GOOD else "What was wrong", _reasons(incident), _REASONS),
        listing("Where to look first (ranked, not proven)", map(_cause_line, incident.likely_causes), _CAUSES, numbered=True),
    )
    return Notice(
        key=key,
        event=event,
        label=label,
        title=one_line(title),
        summary=summary,
        tone=tone,
        facts=_incident_facts(incident, about),
        parts=tuple(part for part in parts if part.lines),
        links=tuple(links),
        monitor=incident.monitor,
        severity=incident.severity,
        thread=f"incident:{incident.id}",
        footer=f"Incident {incident.id}. Acknowledge it on the incidents page, or with: driftgate ack {incident.id}. "
        "Then no other message about it comes.",
        data={"incident": _incident_data(incident, about)},
    )


_WHAT_IS_GOOD = {
    Cause.GATE: "A later batch passed the gate.",
    Cause.POLICY: "The latest window breaks no rule of the decision policy.",
    Cause.RUN: "A window came through completely.",
    Cause.RETRAIN: "A retraining came to its end.",
}


_TOLD_LATE = "This was critical and is over by now. It could not be told while it was open."


def _headline(incident: Incident, about: About) -> str:
    """Say in a few words what is wrong, and since when: enough for a phone's list."""
    reasons, since, count = _reasons(incident), about.label(incident.opened), incident.count
    first = shorten(one_line(reasons[0]), _SUBJECT_REASON) if reasons else "see the page"
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    if incident.cause is Cause.POLICY:
        return f"{about.monitor}: {first}{more} since {since}"
    if incident.cause is Cause.GATE:
        what = f"the gate stopped the batch of {since}" if count == 1 else f"the gate stopped {count} batches since {since}"
        return f"{about.monitor}: {what} ({_windows(len(reasons), '1 expectation', 'expectations')} failed)"
    noun = "retraining" if incident.cause is Cause.RETRAIN else "run"
    what = f"the {noun} of {since} failed" if count == 1 else f"{count} {noun}s failed since {since}"
    return f"{about.monitor}: {what} ({first})"


def _summary(incident: Incident, about: About) -> str:
    if incident.cause is Cause.GATE:
        return "What failed is quarantined: nothing after the gate has used it. Correct the data at its source and run the window again."
    if incident.cause is Cause.POLICY:
        count = len(_reasons(incident))
        model = f"{about.model} (version {incident.model_version})" if incident.model_version else about.model
        rules = "a rule" if count == 1 else f"{count} rules"
        return f"The model {model} breaks {rules} of its decision policy, in {_windows(incident.count)} so far."
    if incident.cause is Cause.RETRAIN:
        return f"The champion of {about.model} stays as it is. The log of the task that failed says what to do."
    return "The window is not complete. The log of the task that failed says what to do."


def _reasons(incident: Incident) -> tuple[str, ...]:
    return tuple(reason for reason in incident.detail.split("; ") if reason.strip())


def _windows(count: int, one: str = "1 window", many: str = "windows") -> str:
    return one if count == 1 else f"{count} {many}"


def _incident_facts(incident: Incident, about: About) -> tuple[Fact, ...]:
    model = f"{about.model}, version {incident.model_version}" if incident.model_version else about.model
    facts = [
        Fact("Monitor", about.monitor if about.model == about.monitor else f"{about.monitor} (model {about.model})"),
        Fact("Model", model) if incident.model_version else None,
        Fact("Severity", incident.severity.value),
        Fact("Since", about.window(incident.opened)),
        Fact("Last seen", f"{about.label(incident.last_seen)} ({_windows(incident.count)})") if incident.count > 1 else None,
        Fact("Over with", about.window(incident.resolved_window)) if incident.resolved_window else None,
        Fact("Owner", about.owner) if about.owner else None,
    ]
    return tuple(fact for fact in facts if fact is not None)


def _cause_line(cause: LikelyCause) -> str:
    if cause.detail:
        return cause.detail
    value = "" if cause.score is None else f" {number(cause.score)}"
    limit = "" if cause.threshold is None else f", limit {number(cause.threshold)}"
    return f"{cause.column}: {cause.metric}{value}{limit}"


def _incident_data(incident: Incident, about: About) -> dict[str, Any]:
    data: dict[str, Any] = to_dict(incident)
    return {**data, "reasons": list(_reasons(incident)), "model": about.model, "owner": about.owner}


def approval(key: str, retraining: Retraining, about: About, links: Sequence[Link] = ()) -> Notice:
    """Tell that a challenger waits for a person."""
    comparison, metric = retraining.comparison, retraining.comparison.metric
    scores = f"{metric} {_score(comparison.challenger.get(metric))} against {_score(comparison.champion.get(metric))} of the champion"
    return Notice(
        key=key,
        event="approval",
        label="approval",
        title=f"{about.monitor}: a challenger waits for approval ({scores})",
        summary="Scored on the same held-out rows, it is better than the champion. It becomes the champion only if a person approves; "
        "no answer in time counts as no.",
        tone=WARNING,
        facts=(
            Fact("Monitor", about.monitor),
            Fact("Because of", about.window(retraining.trigger_window)),
            Fact("Champion", f"version {retraining.champion_version or '(none)'}: {metric} {_score(comparison.champion.get(metric))}"),
            Fact("Challenger", f"version {retraining.challenger_version}: {metric} {_score(comparison.challenger.get(metric))}"),
            Fact("Rows", str(comparison.rows)),
            *((Fact("Owner", about.owner),) if about.owner else ()),
        ),
        parts=(Part("Why", (comparison.reason,)),) if comparison.reason else (),
        links=tuple(links),
        monitor=about.monitor,
        thread=key,
        data={"retraining": to_dict(retraining)},
    )


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


@dataclass(frozen=True)
class Day:
    """What happened in 24 hours, for the digest."""

    until: datetime
    open: tuple[Incident, ...] = ()
    opened: tuple[Incident, ...] = ()
    resolved: tuple[Incident, ...] = ()
    windows: int = 0
    rows: int = 0
    quarantined: int = 0
    no_data: int = 0
    failed: int = 0
    retrainings: tuple[Retraining, ...] = ()
    undelivered: int = 0

    @property
    def is_quiet(self) -> bool:
        counts = (len(self.open), len(self.opened), len(self.resolved), len(self.retrainings))
        return not any((*counts, self.quarantined, self.failed, self.undelivered))


def digest(key: str, day: Day, monitors: dict[str, About], links: Sequence[Link] = ()) -> Notice:
    """Tell what is open and what happened in a day."""
    new = {item.id for item in day.opened}

    def lines(incidents: Sequence[Incident]) -> list[str]:
        return [_digest_line(item, monitors.get(item.monitor, About(item.monitor)), item.id in new) for item in incidents]

    lists = (
        listing("Open", lines(day.open), _DIGEST_LINES),
        listing("Over in the last 24 hours", lines(day.resolved), _DIGEST_LINES),
        listing("Retrainings", map(_retraining_line, day.retrainings), _DIGEST_LINES),
    )
    critical = any(item.severity is Severity.CRITICAL for item in day.open)
    return Notice(
        key=key,
        event="digest",
        label="digest",
        title=_digest_title(day),
        summary=f"The 24 hours before {day.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC, all monitors.",
        tone=CRITICAL if critical else WARNING if day.open else GOOD if day.is_quiet else NEUTRAL,
        facts=_day_facts(day),
        parts=tuple(part for part in lists if part.lines),
        links=tuple(links),
        thread=key,
        data={"digest": _digest_data(day)},
    )


def _digest_title(day: Day) -> str:
    if day.is_quiet:
        return f"all quiet, {_windows(day.windows)} measured"
    counts = {"open": len(day.open), "new": len(day.opened), "over": len(day.resolved), "quarantined": day.quarantined}
    counts |= {"retrained": len(day.retrainings), "failed": day.failed, "messages not delivered": day.undelivered}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _day_facts(day: Day) -> tuple[Fact, ...]:
    facts = [Fact("Windows measured", f"{day.windows} ({day.rows:,} rows)".replace(",", " "))]
    facts += [Fact("Batches quarantined", str(day.quarantined)), Fact("Windows without data", str(day.no_data))]
    facts += [Fact("Windows failed", str(day.failed)), Fact("Messages not delivered", str(day.undelivered))]
    return (facts[0], *(fact for fact in facts[1:] if fact.value != "0"))


def _digest_line(incident: Incident, about: About, is_new: bool) -> str:
    known = f", known to {incident.acknowledged_by}" if incident.acknowledged_by and incident.resolved is None else ""
    count = f"{_windows(incident.count)}{', new' if is_new and incident.resolved is None else ''}{known}"
    return f"[{incident.severity.value}] {_headline(incident, about)} ({count})"


def _retraining_line(retraining: Retraining) -> str:
    return f"{retraining.monitor}: {retraining.verdict.value.replace('_', ' ')}, challenger version {retraining.challenger_version}"


def _digest_data(day: Day) -> dict[str, Any]:
    data: dict[str, Any] = to_dict(day)
    return data


def trial(key: str, channel: str, links: Sequence[Link] = ()) -> Notice:
    """Show that a channel works."""
    return Notice(
        key=key,
        event="test",
        label="test",
        title=f"Driftgate reaches the channel {channel}",
        summary="This is only a test: nothing is wrong. Messages about incidents will look like this one.",
        tone=GOOD,
        facts=(Fact("Channel", channel),),
        parts=(Part("A message says", ("what is wrong, with value and limit", "since when", "which columns to look at first")),),
        links=tuple(links),
        thread=key,
    )


def custom(key: str, subject: str, text: str, severity: Severity | None, links: Sequence[Link] = ()) -> Notice:
    """Word what a person's own DAG has to say."""
    lines = [line for line in text.splitlines() if line.strip()]
    return Notice(
        key=key,
        event="custom",
        label=severity.value if severity else "info",
        title=one_line(subject),
        summary=lines[0] if lines else "",
        tone=_TONES[severity] if severity else NEUTRAL,
        parts=(listing("More", lines[1:], _DIGEST_LINES),) if len(lines) > 1 else (),
        links=tuple(links),
        severity=severity,
        thread=key,
    )
