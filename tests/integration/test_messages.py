"""People are told once, in the right place; and a receiver that is down changes nothing but that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
import yaml
from include.examples.flights import day_file

from driftgate.demo.plan import shift
from receivers import Receivers
from world import World

pytestmark = pytest.mark.integration

BAD_DAY, QUIET_DAY, ANOTHER_BAD_DAY = "2013-05-02", "2013-05-05", "2013-05-06"
CHANNELS = 4


def _opened(receivers: Receivers, word: str) -> list[str]:
    return [str(mail["Subject"]) for mail in receivers.mails if word in str(mail["Subject"])]


def test_the_demonstration_told_every_channel_once_per_incident(world: World, receivers: Receivers) -> None:
    """Two corrupted days and three bad days in a row: three incidents, three messages per channel."""
    incidents = world.sql(
        "SELECT id, cause, count, resolved, likely_causes FROM driftgate.incident "
        "WHERE monitor = 'flights' AND opened_start < '2013-04-11' ORDER BY opened_start"
    )
    assert [(row["cause"], row["count"]) for row in incidents] == [("gate", 1), ("policy", 3), ("gate", 1)]
    assert [row["resolved"] is not None for row in incidents][:2] == [True, True], "a good day ended both"
    for row in incidents:
        sent = world.sql("SELECT channel, state, last_error FROM driftgate.message WHERE incident_id = :id", id=row["id"])
        assert sorted((item["channel"], item["state"]) for item in sent) == [
            (name, "sent") for name in ("hook", "mail", "slack", "teams")
        ], sent
    assert len([subject for subject in _opened(receivers, "flights") if "gate" in subject.lower() or "quarantin" in subject.lower()]) >= 2
    for path in ("/slack", "/teams", "/hook"):
        assert len(receivers.posts_to(path)) >= len(incidents)


def test_the_message_names_the_fault_and_leads_to_it(world: World, receivers: Receivers) -> None:
    text = next(mail for mail in receivers.mails if "mae" in str(mail["Subject"]).lower())
    body = text.get_body(("plain",))
    page = text.get_body(("html",))
    assert body is not None
    assert page is not None
    for part in (body.get_content(), page.get_content()):
        assert "distance" in part
        assert "monitor__flights" in part


def test_the_metrics_of_the_demonstration_were_exported(world: World, receivers: Receivers) -> None:
    rows = world.sql("SELECT sink, state, count(*) AS n FROM driftgate.export WHERE window_start < '2013-04-11' GROUP BY 1, 2")
    assert {(row["sink"], row["state"]) for row in rows} >= {("prometheus", "sent"), ("influxdb", "sent")}
    assert any(b"evidently_drift_share" in post.body for post in receivers.posts_to("/gateway"))
    assert receivers.posts_to("/influx/api/v2/write")


@pytest.fixture(scope="module")
def told(world: World) -> str:
    """A monitor of its own on the flights' champion, so that its incidents depend on nothing before."""
    content = yaml.safe_load((world.monitors / "flights.yaml").read_text(encoding="utf-8"))
    content |= {"id": "told", "model": {"name": "flights"}, "retrain": {"enabled": False}}
    content["schedule"]["cron"] = None
    world.add_monitor("told", yaml.safe_dump(content))
    return "told"


@pytest.fixture
def silence(receivers: Receivers) -> Iterator[None]:
    """Every receiver is killed, and back afterwards."""
    receivers.stop()
    try:
        yield
    finally:
        if not receivers.running:
            receivers.start()


def _make_bad(world: World, day: str) -> None:
    """Put a day with impossible delays where the source looks first."""
    rows = shift(day_file(date.fromisoformat(day)))
    rows["arr_delay"] = rows["arr_delay"] + 60
    rows.to_csv(world.settings.home / "landing" / "flights" / f"flights-{day}.csv", index=False)


def _open_policy(world: World, monitor: str) -> int:
    (row,) = world.sql("SELECT id FROM driftgate.incident WHERE resolved IS NULL AND cause = 'policy' AND monitor = :m", m=monitor)
    return int(row["id"])


@pytest.mark.usefixtures("silence")
def test_dead_receivers_change_nothing_in_the_records_and_are_seen(world: World, receivers: Receivers, told: str) -> None:
    _make_bad(world, BAD_DAY)
    assert world.run_dag(f"monitor__{told}", "silence", window_start=BAD_DAY) == "success"
    assert world.batch(BAD_DAY, told)["status"] == "measured"
    assert len(world.metrics(BAD_DAY, told)) > 30
    states = world.api.task_states(f"monitor__{told}", "silence")
    assert (states["store_postgres"], states["log_mlflow"]) == ("success", "success")
    assert (states["export_metrics"], states["alert"], states["finish"]) == ("failed", "failed", "success")
    incident = _open_policy(world, told)
    waiting = world.sql("SELECT channel, state, attempts, last_error FROM driftgate.message WHERE incident_id = :id", id=incident)
    assert len(waiting) == CHANNELS
    assert all(row["state"] == "pending" and row["attempts"] > 0 and row["last_error"] for row in waiting), waiting
    said = world.run("status", check=False).stdout
    for line in ("Messages to mail: 1 waiting", "Messages to slack: 1 waiting", "Export to prometheus", "Export to influxdb"):
        assert line in said
    assert "T000/B000" not in said + str(waiting)

    mails, posts = len(receivers.mails), len(receivers.posts_to("/slack"))
    receivers.start()
    world.sql_write("UPDATE driftgate.message SET not_before = NULL WHERE state = 'pending'")  # as if the pause had passed
    world.run("notify", "deliver")
    world.run("export", told, "--since", BAD_DAY)
    world.run("notify", "deliver")
    assert (len(receivers.mails) - mails, len(receivers.posts_to("/slack")) - posts) == (1, 1), "told after all, and only once"
    assert world.sql("SELECT * FROM driftgate.export WHERE state = 'failed' AND monitor = :m", m=told) == []


def test_a_good_day_ends_the_incident(world: World, told: str) -> None:
    assert world.run_dag(f"monitor__{told}", "good_again", window_start=QUIET_DAY) == "success"
    open_ones = world.sql("SELECT cause FROM driftgate.incident WHERE resolved IS NULL AND monitor = :m", m=told)
    assert open_ones == []


def test_a_person_acknowledges_on_the_command_line(world: World, told: str) -> None:
    _make_bad(world, ANOTHER_BAD_DAY)
    world.run("run", told, "--window", ANOTHER_BAD_DAY)
    incident = _open_policy(world, told)
    assert str(incident) in world.run("incidents", check=False).stdout
    world.run("ack", str(incident))
    (row,) = world.sql("SELECT acknowledged, acknowledged_by FROM driftgate.incident WHERE id = :id", id=incident)
    assert row["acknowledged"] is not None
    assert row["acknowledged_by"].startswith("cli:")
