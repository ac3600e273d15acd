"""Notices for Microsoft Teams: an Adaptive Card in the envelope that the Workflows app expects; at most 28 KB."""

from __future__ import annotations

import re
from typing import Any

from driftgate.notify.http_post import encode
from driftgate.notify.notice import CRITICAL, GOOD, WARNING, Notice, Part, one_line, shorten

BYTES = 28 * 1024
"""Largest message that Teams takes."""
_ACTIONS = 6
_TEXT, _VALUE = 2000, 500
_COLOURS = {CRITICAL: "Attention", WARNING: "Warning", GOOD: "Good"}
_MARKDOWN = re.compile(r"([\\`*_\[\]()~#|!])")
_LIST_START = re.compile(r"^(\s*\d*)([-+.])(?=\s)")


def escape(text: str) -> str:
    """Make a text harmless: a card reads a part of Markdown (links, emphasis, lists) and mentions."""
    text = _LIST_START.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\1", text))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def payload(notice: Notice) -> dict[str, Any]:
    """Word a notice as a message with one card; lists and texts get shorter until it is small enough."""
    for lines, text in ((20, _TEXT), (10, 800), (5, 400), (3, 200), (1, 100)):
        message = _message(notice, lines, text)
        if len(encode(message)) <= BYTES:
            return message
    return _message(notice, 1, 60, with_links=False)


def _message(notice: Notice, lines: int, text: int, *, with_links: bool = True) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": shorten(one_line(notice.subject), 200),
        "body": [
            _text(
                one_line(notice.subject), text, weight="Bolder", size="Medium", color=_COLOURS.get(notice.tone, "Default"), style="heading"
            ),
            _text(notice.summary, text),
            *_facts(notice, min(text, _VALUE), lines),
            *(block for part in notice.parts for block in _part(part, lines, text)),
        ],
    }
    if with_links and notice.links:
        shown = notice.links[:_ACTIONS]
        card["actions"] = [{"type": "Action.OpenUrl", "title": shorten(one_line(link.name), 60), "url": link.address} for link in shown]
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [content]}


def _text(text: str, limit: int, **look: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": escape(shorten(text, limit)), "wrap": True, **look}


def _facts(notice: Notice, limit: int, lines: int) -> list[dict[str, Any]]:
    if not notice.facts:
        return []
    shown = notice.facts[: max(lines, 5)]
    facts = [{"title": escape(shorten(fact.name, 60)), "value": escape(shorten(fact.value, limit))} for fact in shown]
    return [{"type": "FactSet", "facts": facts}]


def _part(part: Part, lines: int, text: int) -> list[dict[str, Any]]:
    shown, longest = part.first(lines), min(text, _VALUE)
    listed = [f"{_mark(shown, number)} {escape(shorten(line, longest))}" for number, line in enumerate(shown.lines, 1)]
    listed += [f"… and {shown.more} more"] if shown.more else []
    return [
        _text(part.title, text, weight="Bolder", spacing="Medium"),
        {"type": "TextBlock", "text": "\n\n".join(listed), "wrap": True, "spacing": "Small"},
    ]


def _mark(part: Part, number: int) -> str:
    """Write a number so that Markdown does not begin a list of its own."""
    return part.mark(number).replace(".", "\\.")
