"""Operations: is everything fresh, how long does it take, what is open, did messages and exports arrive."""
# ruff: noqa: S608 - text of files; nothing is executed here

from __future__ import annotations

from grafana_foundation_sdk.models import units

from driftgate_dashboards import links, shared, variables
from driftgate_dashboards.layout import Page, Section
from driftgate_dashboards.panels import BLUE, GREEN, ORANGE, RED, TIME, Drawn, coloured, limited, lines, number, ranking, rows, steps, width
from driftgate_dashboards.sql import SHOWN, SILENT_WINDOWS, chosen, clean, indented

_BATCH = chosen("b.monitor", "monitor")
_ROW_MONITOR = "${__data.fields.monitor:percentencode}"


def page() -> Page:
    return Page(
        links.OPERATIONS,
        "Freshness, running times, incidents, approvals, messages and exports of all monitors.",
        [
            Section("At a glance", [(4, [(panel, 4) for panel in _numbers()])]),
            Section("Freshness", [(10, [(_freshness(), 24)]), (8, [(_newest_row(), 12), (_row_ratio(), 12)])]),
            Section("Monitoring performance", [(8, [(_duration(), 12), (_delay(), 12)]), (8, [(_statuses(), 12), (_volume(), 12)])]),
            Section("Incidents", [(10, [(shared.incidents(several=True), 16), (_causes(), 8)])]),
            Section(
                "Messages and exports", [(9, [(_messages(), 8), (_messages_failed(), 16)]), (9, [(_exports(), 8), (_exports_failed(), 16)])]
            ),
            Section("Approvals", [(8, [(_approvals(), 24)])]),
        ],
        [variables.monitors()],
        [variables.quarantines()],
        tags=["operations"],
    )


def _count(title: str, description: str, sql: str) -> Drawn:
    return number(title, description, clean(sql), thresholds=steps((None, GREEN), (1, RED)), no_value="0")


def _numbers() -> list[Drawn]:
    age = f"SELECT extract(epoch FROM now() - max(b.updated_at)) AS age FROM driftgate.batch b WHERE {_BATCH}"
    incident, message, export = (chosen(f"{name}.monitor", "monitor") for name in ("i", "m", "e"))
    return [
        number(
            "Last record",
            "Time since anything was recorded for any of the monitors.",
            age,
            unit=units.Seconds,
            decimals=0,
            thresholds=steps((None, GREEN), (2 * 86400, ORANGE), (4 * 86400, RED)),
            no_value="Never",
        ),
        _count(
            "Failed windows",
            "Windows of the time range whose batch could not be read.",
            f"SELECT count(*) AS failed FROM driftgate.batch b WHERE {_BATCH} AND b.status = 'failed' AND $__timeFilter(b.window_start)",
        ),
        _count(
            "Not acknowledged",
            "Open incidents that nobody has acknowledged, whatever the time range.",
            f"SELECT count(*) AS open FROM driftgate.incident i WHERE i.resolved IS NULL AND i.acknowledged IS NULL AND {incident}",
        ),
        _count(
            "Critical",
            "Open incidents that are critical, whatever the time range.",
            f"SELECT count(*) AS critical FROM driftgate.incident i WHERE i.resolved IS NULL AND i.severity = 'critical' AND {incident}",
        ),
        _count(
            "Messages not delivered",
            "Notifications that were given up, whatever the time range.",
            f"SELECT count(*) AS failed FROM driftgate.message m WHERE m.state = 'failed' AND (m.monitor = '' OR {message})",
        ),
        _count(
            "Exports missing",
            "Windows that an optional sink has not got, whatever the time range.",
            f"SELECT count(*) AS failed FROM driftgate.export e WHERE e.state = 'failed' AND {export}",
        ),
    ]


def _freshness() -> Drawn:
    sql = clean(f"""
        SELECT
            b.monitor,
            max(b.window_end) AS "end of last window",
            extract(epoch FROM now() - max(b.window_end)) AS "behind now",
            max(b.updated_at) AS "last recorded",
            {indented(SILENT_WINDOWS, 12)} AS "silent for windows",
            max(b.window_end) FILTER (WHERE b.status = 'measured') AS "last measured",
            (
                SELECT max(m.window_end) FROM driftgate.metric m
                WHERE m.monitor = b.monitor AND m.family = 'performance' AND m.value IS NOT NULL
            ) AS "labels until",
            count(*) FILTER (WHERE b.status = 'ingested') AS "never measured",
            count(*) AS windows
        FROM driftgate.batch b
        WHERE {_BATCH}
        GROUP BY b.monitor
        ORDER BY "silent for windows" DESC
    """)
    columns = {
        "monitor": [
            links.on_field(links.to_dashboard(links.MODEL, monitor="${__value.raw:percentencode}"), links.to_airflow(_ROW_MONITOR))
        ],
        **{name: TIME for name in ("end of last window", "last recorded", "last measured", "labels until")},
        "behind now": [*limited((None, BLUE), unit=units.Seconds, decimals=0)],
        "silent for windows": limited((None, GREEN), (2, ORANGE), (3, RED), decimals=1),
    }
    text = (
        "Newest data per monitor, whatever the time range. 'Silent' is the time since the last record, in windows of the monitor's length."
    )
    return rows("Data freshness", text, sql, columns=columns, no_value="No monitor has recorded a window yet")


def _system(metric: str) -> str:
    return clean(f"""
        SELECT m.window_start AS time, m.monitor AS metric, m.value AS value
        FROM driftgate.metric m
        JOIN driftgate.batch b USING (monitor, window_start, window_end)
        WHERE {chosen("m.monitor", "monitor")} AND $__timeFilter(m.window_start) AND m.family = 'system' AND m.metric = '{metric}'
            AND m."column" = '' AND m.segment = '' AND {SHOWN}
        ORDER BY m.window_start, m.monitor
    """)


def _newest_row() -> Drawn:
    text = "Time from the newest row of a window to its end. As long as the window itself: the feed stopped early."
    return lines("Newest row before end of window", text, _system("freshness_seconds"), unit=units.Seconds)


def _row_ratio() -> Drawn:
    text = "Rows of a window as a share of the usual number: 100 % is as in the time that the model was trained on."
    return lines("Rows against the usual number", text, _system("row_ratio"), unit=units.PercentUnit)


def _duration() -> Drawn:
    sql = clean(f"""
        SELECT d.window_start AS time, d.monitor AS metric, extract(epoch FROM d.created_at - b.created_at) AS value
        FROM driftgate.decision d
        JOIN driftgate.batch b USING (monitor, window_start, window_end)
        WHERE {_BATCH} AND $__timeFilter(d.window_start) AND d.created_at >= b.created_at
        ORDER BY d.window_start, d.monitor
    """)
    return lines(
        "From ingested to decided", "Time between the first record of a window's batch and the decision about it.", sql, unit=units.Seconds
    )


def _delay() -> Drawn:
    sql = clean(f"""
        SELECT b.window_start AS time, b.monitor AS metric, greatest(extract(epoch FROM b.created_at - b.window_end), 0) AS value
        FROM driftgate.batch b
        WHERE {_BATCH} AND $__timeFilter(b.window_start)
        ORDER BY b.window_start, b.monitor
    """)
    return lines(
        "From end of window to ingested", "How late a window was ingested; large for windows that were backfilled.", sql, unit=units.Seconds
    )


def _statuses() -> Drawn:
    sql = clean(f"""
        SELECT $__timeGroupAlias(b.window_start, '1d'), b.status AS metric, count(*) AS value
        FROM driftgate.batch b
        WHERE {_BATCH} AND $__timeFilter(b.window_start)
        GROUP BY 1, 2
        ORDER BY 1, 2
    """)
    return lines("Windows per day, by status", "Where the windows that start on a day stand now.", sql, bars=True, stacked=True, decimals=0)


def _volume() -> Drawn:
    sql = clean(f"""
        SELECT $__timeGroupAlias(b.window_start, '1d'), b.monitor AS metric, sum(b.rows) AS value
        FROM driftgate.batch b
        WHERE {_BATCH} AND $__timeFilter(b.window_start)
        GROUP BY 1, 2
        ORDER BY 1, 2
    """)
    return lines("Rows per day", "Rows ingested per monitor.", sql, bars=True, stacked=True, decimals=0)


def _causes() -> Drawn:
    sql = clean(f"""
        SELECT i.cause || CASE WHEN i.resolved IS NULL THEN ' (open)' ELSE ' (resolved)' END AS cause, count(*) AS incidents
        FROM driftgate.incident i
        WHERE {chosen("i.monitor", "monitor")} AND (i.resolved IS NULL OR $__timeFilter(i.last_seen_start))
        GROUP BY 1
        ORDER BY incidents DESC, 1
    """)
    return ranking(
        "Incidents by cause",
        "Gate: a batch was stopped. Policy: rules are broken. Run: a task failed.",
        sql,
        unit=units.Short,
        thresholds=steps((None, ORANGE)),
        no_value="No incident",
    )


def _messages() -> Drawn:
    sql = clean(f"""
        SELECT m.channel, m.event, m.state, count(*) AS messages, max(coalesce(m.sent_at, m.created_at)) AS newest
        FROM driftgate.message m
        WHERE m.monitor = '' OR {chosen("m.monitor", "monitor")}
        GROUP BY m.channel, m.event, m.state
        ORDER BY m.channel, m.event, m.state
    """)
    return rows(
        "Messages by channel",
        "Every notification by state, whatever the time range.",
        sql,
        columns={"state": coloured(), "newest": TIME},
        no_value="No message: no channel is configured, or nothing happened",
    )


def _messages_failed() -> Drawn:
    sql = clean(f"""
        SELECT m.created_at AS created, m.monitor, m.event, m.channel, m.state, m.attempts, m.not_before AS "next try",
            m.last_error AS "last error"
        FROM driftgate.message m
        WHERE m.state IN ('pending', 'failed') AND (m.monitor = '' OR {chosen("m.monitor", "monitor")})
        ORDER BY m.created_at DESC
        LIMIT 200
    """)
    columns = {"created": TIME, "next try": TIME, "state": coloured(), "last error": width(480)}
    return rows(
        "Messages waiting or given up",
        "Tried again with growing pauses until they are given up.",
        sql,
        columns=columns,
        no_value="Every message was delivered",
    )


def _exports() -> Drawn:
    sql = clean(f"""
        SELECT e.sink, e.state, count(*) AS windows, max(e.updated_at) AS newest
        FROM driftgate.export e
        WHERE {chosen("e.monitor", "monitor")}
        GROUP BY e.sink, e.state
        ORDER BY e.sink, e.state
    """)
    return rows(
        "Exports by sink",
        "Windows sent to optional sinks, whatever the time range.",
        sql,
        columns={"state": coloured(), "newest": TIME},
        no_value="No export: no sink is configured",
    )


def _exports_failed() -> Drawn:
    sql = clean(f"""
        SELECT e.monitor, e.sink, e.window_start AS "window", e.attempts, e.updated_at AS "last try", e.error
        FROM driftgate.export e
        WHERE e.state = 'failed' AND {chosen("e.monitor", "monitor")}
        ORDER BY e.updated_at DESC
        LIMIT 200
    """)
    columns = {"window": TIME, "last try": TIME, "error": width(480)}
    return rows(
        "Exports that failed",
        "`driftgate export --since` sends them again where the sink allows it.",
        sql,
        columns=columns,
        no_value="No export is missing",
    )


def _approvals() -> Drawn:
    sql = clean(f"""
        SELECT r.monitor, r.trigger_window_start AS "window", r.verdict, r.challenger_version AS challenger, r.comparison_reason AS reason,
            r.approver, r.updated_at AS "last change", r.dag_run AS "dag run", r.mlflow_run AS "mlflow run"
        FROM driftgate.retraining r
        WHERE {chosen("r.monitor", "monitor")} AND (r.verdict = 'challenger_wins' OR $__timeFilter(r.trigger_window_start))
        ORDER BY (r.verdict = 'challenger_wins') DESC, r.updated_at DESC
        LIMIT 200
    """)
    columns = {
        "monitor": [links.on_field(links.to_airflow(_ROW_MONITOR))],
        "window": TIME,
        "last change": TIME,
        "verdict": coloured(),
        "reason": width(480),
        "mlflow run": [links.on_field(links.to_mlflow_run())],
    }
    return rows(
        "Retrainings and approvals",
        "Challengers that wait for a person first, then those of the time range.",
        sql,
        columns=columns,
        no_value="No retraining in this time range",
    )
