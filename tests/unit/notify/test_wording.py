"""The wording for each kind of channel: within its limits, and nothing from data is more than text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from driftgate.notify import mail, slack, teams, webhook, wording
from driftgate.notify.http_post import encode
from driftgate.notify.notice import Link, Notice, plain_text
from driftgate.notify.wording import About
from driftgate.records import Cause, Incident, LikelyCause, Severity
from factories import make_config, make_window

ABOUT = About("trips", make_config(schedule={"timezone": "America/New_York"}, window={"size": "1d"}))
CAUSES = (
    LikelyCause("distance", "drift_score", 0.4, 0.1, 3.0, 0.3, "distance: drift 0.4, limit 0.1"),
    LikelyCause("hour", "drift_score", 0.2, 0.1, 1.0),
)
POLICY = Incident(
    "trips", Cause.POLICY, make_window(0), make_window(2), 3, "mae 4 is above 1.5 x the reference's 2 (= 3); drift_share 0.6 is above 0.5",
    id=12, severity=Severity.CRITICAL, model_version="7", likely_causes=CAUSES,
)  # fmt: skip
EVIL = "<script>alert(1)</script> & <!channel> *b* [x](http://evil.test) <at>all</at> \x07"


def huge() -> Notice:
    """Return a notice that is too much for every channel."""
    incident = replace(POLICY, detail="; ".join(["&" * 400] * 300), likely_causes=CAUSES * 200)
    links = [Link(f"Link {number}", "http://airflow.test/" + "x" * 4000) for number in range(30)]
    return wording.opened("k", incident, replace(ABOUT, monitor="m" * 300), links)


def evil() -> Notice:
    causes = (LikelyCause(EVIL, "drift_score", 1.0, 0.1),)
    return wording.opened(
        "k", replace(POLICY, monitor=EVIL, detail=EVIL, likely_causes=causes), About(EVIL), [Link(EVIL, 'http://a.test/"><b>')]
    )


@pytest.mark.parametrize(
    ("incident", "subject"),
    [
        (POLICY, "[critical] trips: mae 4 is above 1.5 x the reference's 2 (= 3) and 1 more since 2023-12-31 19:00 to 2024-01-01 19:00"),
        (
            replace(POLICY, cause=Cause.GATE, count=1, detail="a; b"),
            "[critical] trips: the gate stopped the batch of 2023-12-31 19:00 to 2024-01-01 19:00 (2 expectations failed)",
        ),
        (
            replace(POLICY, cause=Cause.RUN, severity=Severity.WARNING, detail="task ingest: no file"),
            "[warning] trips: 3 runs failed since 2023-12-31 19:00 to 2024-01-01 19:00 (task ingest: no file)",
        ),
        (
            replace(POLICY, cause=Cause.RETRAIN, count=1, detail="task train: no rows"),
            "[critical] trips: the retraining of 2023-12-31 19:00 to 2024-01-01 19:00 failed (task train: no rows)",
        ),
    ],
)
def test_the_subject_makes_sense_alone(incident: Incident, subject: str) -> None:
    assert wording.opened("k", incident, ABOUT).subject == subject


def test_a_message_says_what_since_when_how_bad_and_where_to_look() -> None:
    text = plain_text(wording.opened("k", POLICY, ABOUT, [Link("Open in Driftgate", "http://airflow.test/x")]))
    for part in (
        "breaks 2 rules of its decision policy, in 3 windows so far",
        "(2024-01-01 00:00 to 2024-01-02 00:00 UTC)",
        "• drift_share 0.6 is above 0.5",
        "1. distance: drift 0.4, limit 0.1",
        "2. hour: drift_score 0.2, limit 0.1",
        "Open in Driftgate: http://airflow.test/x",
    ):
        assert part in text


def test_the_end_says_with_which_window() -> None:
    over = replace(POLICY, resolved=datetime(2024, 1, 5, tzinfo=UTC), resolved_window=make_window(3))
    notice = wording.resolved("k", over, ABOUT)
    assert notice.subject.endswith("over with 2024-01-03 19:00 to 2024-01-04 19:00")
    assert notice.tone == "good"


def test_slack_limits_hold_and_the_rest_is_counted() -> None:
    payload = slack.payload(huge())
    blocks = payload["blocks"]
    assert len(blocks) <= 50
    assert len(blocks[0]["text"]["text"]) <= 150
    assert len(payload["text"]) <= 3000
    for block in blocks:
        assert len(block.get("text", {}).get("text", "")) <= 3000
        assert len(block.get("fields", [])) <= 10
        assert all(len(item["text"]) <= 2000 for item in block.get("fields", []))
        assert len(block.get("elements", [])) <= 5
        assert all(len(item["url"]) <= 3000 for item in block.get("elements", []))
    text = json.dumps(blocks, ensure_ascii=False)
    assert "… and 29" in text
    assert "&am…" not in text


def test_teams_takes_28_kilobytes_and_the_rest_is_counted() -> None:
    payload = teams.payload(huge())
    assert len(encode(payload)) <= 28 * 1024
    assert "… and 29" in json.dumps(payload, ensure_ascii=False)


def test_a_card_has_the_envelope_that_workflows_expect() -> None:
    payload = teams.payload(wording.opened("k", POLICY, ABOUT, [Link("Open", "http://a.test")]))
    (attachment,) = payload["attachments"]
    assert (payload["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open", "url": "http://a.test"}]


def test_slack_shows_data_as_text() -> None:
    payload = slack.payload(evil())
    marked = [text for block in payload["blocks"][1:] for text in _texts(block) if block["type"] != "actions"]
    assert marked
    for text in [payload["text"], *marked]:
        assert "<!channel>" not in text
        assert "<script>" not in text
        assert "*b*" not in text


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in ([item] if key == "text" and isinstance(item, str) else _texts(item))]
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []


def test_names_with_an_underscore_stay_readable_in_slack() -> None:
    assert slack.escape("drift_share of dep_delay & more") == "drift_share of dep_delay &amp; more"


def test_teams_shows_data_as_text() -> None:
    body = teams.payload(evil())["attachments"][0]["content"]["body"]
    text = json.dumps(body, ensure_ascii=False)
    assert "<at>" not in text
    assert "[x](http" not in text
    assert "*b*" not in text.replace("\\\\*", "")
    assert teams.escape("1. one & <two>") == "1\\. one &amp; &lt;two&gt;"
    assert teams.escape("- a_b") == "\\- a\\_b"


def test_mail_shows_data_as_text_and_has_no_room_for_other_headers() -> None:
    incident = replace(POLICY, detail="x\r\nBcc: all@example.com\r\n\r\nbody", monitor="trips")
    message = mail.compose(wording.opened("k", incident, ABOUT), "driftgate@example.com", ["ops@example.com"])
    assert message["Bcc"] is None
    assert "\n" not in message["Subject"]
    page = mail.render_html(evil())
    assert "<script>" not in page
    assert "<at>" not in page
    assert 'href="http://a.test/&#34;&gt;&lt;b&gt;"' in page


def test_mail_is_readable_on_small_and_dark_screens_and_loads_nothing() -> None:
    page = mail.render_html(wording.opened("k", POLICY, ABOUT))
    assert 'name="color-scheme" content="light dark"' in page
    assert "prefers-color-scheme: dark" in page
    assert "max-width: 480px" in page
    assert "src=" not in page
    assert "url(" not in page


def test_a_repeated_mail_is_recognised_as_the_same() -> None:
    def sent(key: str) -> str:
        return str(mail.compose(wording.opened(key, POLICY, ABOUT), "a@example.com", ["b@example.com"])["Message-ID"])

    assert sent("incident:12:opened:mail") == sent("incident:12:opened:mail") != sent("incident:13:opened:mail")


def test_a_hook_gets_everything_as_values() -> None:
    content = webhook.payload(wording.opened("k", POLICY, ABOUT, [Link("Open", "http://a.test")]), "2024-01-05T00:00:00+00:00")
    assert content["version"] == 1
    assert content["links"] == {"Open": "http://a.test"}
    assert content["incident"]["likely_causes"][0] == {
        "column": "distance", "metric": "drift_score", "score": 0.4, "threshold": 0.1, "excess": 3.0, "importance": 0.3,
        "detail": "distance: drift 0.4, limit 0.1",
    }  # fmt: skip
    assert content["incident"]["severity"] == "critical"
    assert json.loads(encode(content)) == content
