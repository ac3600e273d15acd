"""Notices for Slack: blocks for an incoming webhook, with a fallback text for phones and screen readers.

Limits that Slack sets: 50 blocks, 150 characters in a header, 3,000 in a section, 2,000 in a field, 10 fields, 75 on a button and 3,000 in
its address.
"""

from __future__ import annotations

from typing import Any

from driftgate.notify.notice import CRITICAL, GOOD, WARNING, Notice, Part, one_line, shorten

HEADER, SECTION, FIELD, BUTTON, ADDRESS = 150, 3000, 2000, 75, 3000
FIELDS_PER_BLOCK, BUTTONS_PER_BLOCK, BLOCKS = 10, 5, 50
_LINES = 15
_SIGNS = {CRITICAL: "🔴", WARNING: "🟠", GOOD: "🟢"}


def escape(text: str) -> str:
    """Make a text harmless: no mentions, links or formatting can begin in it.

    Slack asks for three characters to be written as entities. The formatting signs are kept apart by an invisible character, which changes
    no letter of the text.
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\u200b{char}\u200b" if char in "*_~`" and not _inside_word(text, index) else char for index, char in enumerate(text))


def _inside_word(text: str, index: int) -> bool:
    """Whether a sign stands between letters or digits, where Slack does not take it for formatting (drift_share)."""
    return 0 < index < len(text) - 1 and text[index - 1].isalnum() and text[index + 1].isalnum() and text[index] == "_"


def payload(notice: Notice) -> dict[str, Any]:
    """Word a notice as the JSON of an incoming webhook."""
    sign = _SIGNS.get(notice.tone, "")
    title = shorten(one_line(f"{sign} {notice.subject}"), HEADER)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": True}},
        _section(escape(notice.summary)),
        *_facts(notice),
        *(_section(_part(part)) for part in notice.parts),
        *_buttons(notice),
    ]
    if len(blocks) > BLOCKS:
        left_out = len(blocks) - BLOCKS + 1
        blocks = [*blocks[: BLOCKS - 1], _section(f"… and {left_out} more")]
    return {"text": shorten(escape(one_line(notice.subject)), SECTION), "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, SECTION) or " ", "verbatim": True}}


def _cut(text: str, limit: int) -> str:
    """Shorten an escaped text without cutting through an entity."""
    short = shorten(text, limit)
    head, ampersand, tail = short.rpartition("&")
    return f"{head.rstrip()}…" if short != text and ampersand and ";" not in tail else short


def _facts(notice: Notice) -> list[dict[str, Any]]:
    fields = [
        {"type": "mrkdwn", "text": _cut(f"*{escape(fact.name)}*\n{escape(fact.value)}", FIELD), "verbatim": True} for fact in notice.facts
    ]
    return [{"type": "section", "fields": fields[start : start + FIELDS_PER_BLOCK]} for start in range(0, len(fields), FIELDS_PER_BLOCK)]


def _part(part: Part) -> str:
    """Write a list so that whole lines are left out where it would be too long, and the end says how many."""
    count = min(len(part.lines), _LINES)
    while count > 1 and len(_listed(part.first(count))) > SECTION:
        count -= 1
    return _listed(part.first(count))


def _listed(part: Part) -> str:
    lines = [f"{part.mark(number)} {_cut(escape(line), SECTION // 4)}" for number, line in enumerate(part.lines, 1)]
    more = [f"_… and {part.more} more_"] if part.more else []
    return "\n".join([f"*{escape(part.title)}*", *lines, *more])


def _buttons(notice: Notice) -> list[dict[str, Any]]:
    """Links as buttons; one that no button can hold is left out."""
    elements = [
        {
            "type": "button",
            "text": {"type": "plain_text", "text": shorten(one_line(link.name), BUTTON)},
            "url": link.address,
            "action_id": f"open_{number}",
        }
        for number, link in enumerate(notice.links)
        if len(link.address) <= ADDRESS
    ]
    return [
        {"type": "actions", "elements": elements[start : start + BUTTONS_PER_BLOCK]} for start in range(0, len(elements), BUTTONS_PER_BLOCK)
    ]
