"""A notice: what is to be told, before it is worded for a kind of channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from driftgate.records import Severity

CRITICAL, WARNING, GOOD, NEUTRAL = "critical", "warning", "good", "neutral"
"""Tones: the colour of a notice, never its only sign."""
LINE = 300
"""Longest line of a list."""


@dataclass(frozen=True)
class Link:
    """A place to go on."""

    name: str
    address: str


@dataclass(frozen=True)
class Fact:
    """One labelled line, for example since when."""

    name: str
    value: str


@dataclass(frozen=True)
class Part:
    """A titled list, for example the likely causes."""

    title: str
    lines: tuple[str, ...]
    numbered: bool = False
    more: int = 0
    """How many lines are left out."""

    def first(self, count: int) -> Part:
        """Return the part with at most so many of its lines."""
        kept = self.lines[: max(count, 1)]
        return replace(self, lines=kept, more=self.more + len(self.lines) - len(kept))

    def mark(self, number: int) -> str:
        return f"{number}." if self.numbered else "•"


@dataclass(frozen=True)
class Notice:
    """Everything that a message says; plain text throughout, escaped by each channel for itself."""

    key: str
    """Unique per message and channel; receivers can use it to drop a repetition."""
    event: str
    """opened, resolved, approval, digest, test or custom."""
    label: str
    """One word: critical, warning, resolved, approval, digest, test."""
    title: str
    """One sentence that makes sense alone, in a phone's list."""
    summary: str
    """One or two sentences."""
    tone: str = NEUTRAL
    facts: tuple[Fact, ...] = ()
    parts: tuple[Part, ...] = ()
    links: tuple[Link, ...] = ()
    monitor: str = ""
    severity: Severity | None = None
    footer: str = "Sent by Driftgate; who gets it is set in include/notifications.yaml."
    thread: str = ""
    """Notices of one thread belong together (an incident's opening and its end)."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs."""

    @property
    def subject(self) -> str:
        return f"[{self.label}] {self.title}"


def shorten(text: str, limit: int) -> str:
    """Cut a text to at most so many characters, with an ellipsis where something is missing."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


def listing(title: str, lines: Iterable[str], limit: int, *, numbered: bool = False) -> Part:
    """Return a list of at most so many lines, each of a readable length."""
    return Part(title, tuple(shorten(one_line(line), LINE) for line in lines), numbered).first(limit)


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters, as headers and titles need it."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def plain_text(notice: Notice) -> str:
    """Word a notice as plain text."""
    blocks = [notice.summary]
    if notice.facts:
        width = max(len(fact.name) for fact in notice.facts) + 1
        blocks.append("\n".join(f"{fact.name + ':':<{width}} {fact.value}" for fact in notice.facts))
    for part in notice.parts:
        lines = [f"{part.mark(number)} {line}" for number, line in enumerate(part.lines, 1)]
        blocks.append("\n".join([part.title, *lines, *([f"… and {part.more} more"] if part.more else [])]))
    if notice.links:
        blocks.append("\n".join(f"{link.name}: {link.address}" for link in notice.links))
    return "\n\n".join(block for block in blocks if block)
