"""Read-only queries behind the details of a monitor's page: the numbers of one window, and what its limits rest on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from driftgate.record.rows import Row
from driftgate.records import Window

MOST_NUMBERS = 1000
MOST_CALIBRATIONS = 20

_NUMBERS = text("""
SELECT m.family, m.metric, m."column", m.segment, m.value, m.low, m.high, m.threshold, m.direction, m.verdict, m.method,
       m.reference_value AS reference
FROM driftgate.batch AS b
CROSS JOIN LATERAL (
    SELECT * FROM driftgate.metric AS m
    WHERE m.monitor = b.monitor AND m.window_start = b.window_start AND m.window_end = b.window_end
      AND m.model_version = b.measured_model_version AND m.family = ANY(CAST(:families AS text[])) OFFSET 0
) AS m
WHERE b.monitor = :monitor AND b.window_start = :start AND b.window_end = :end
ORDER BY m.family, m."column", m.metric, m.segment LIMIT :limit
""")

# Per column only what people are told: the simulated sizes and bounds of hundreds of columns would be megabytes.
_CALIBRATIONS = text("""
SELECT c.model_version, c.updated_at,
       k #>> '{budget}' AS budget, CAST(k #>> '{chance_per_window}' AS double precision) AS chance_per_window,
       CAST(k #>> '{windows}' AS integer) AS windows, CAST(k #>> '{usual_rows}' AS double precision) AS usual_rows,
       k #>> '{first}' AS first, k #>> '{last}' AS last, coalesce(k -> 'notes', '[]') AS notes,
       (
           SELECT jsonb_agg(jsonb_build_object(
               'address', d -> 'address', 'method', d #> '{limit,method}', 'regime', d #> '{limit,regime}',
               'minimum_rows', d #> '{limit,minimum_rows}', 'largest', d #> '{limit,sizes,-1}', 'windows', d #> '{limit,windows}'))
           FROM jsonb_array_elements(k -> 'drift') AS d
       ) AS drift,
       k -> 'values' AS "values",
       (
           SELECT jsonb_agg(jsonb_build_object(
               'address', s -> 'address', 'limit', s #> '{limit,limit}', 'windows', s #> '{limit,windows}'))
           FROM jsonb_array_elements(k -> 'slow') AS s
       ) AS slow
FROM driftgate.calibration AS c CROSS JOIN LATERAL (SELECT c.content -> 'calibration' AS k) AS content
WHERE c.monitor = :monitor AND jsonb_typeof(k) = 'object' ORDER BY c.updated_at DESC LIMIT :limit
""")


def numbers(connection: Connection, monitor: str, window: Window, families: Sequence[str], limit: int = MOST_NUMBERS) -> list[Row]:
    """Return every number of these families about one window, as it was measured last, those of segments too."""
    values = {"monitor": monitor, "start": window.start, "end": window.end, "families": list(families), "limit": limit}
    return list(connection.execute(_NUMBERS, values).mappings())


def calibrations(connection: Connection, monitor: str, limit: int = MOST_CALIBRATIONS) -> list[Row]:
    """Return what the learned limits of each model version rest on, the latest first; one statement.

    ``drift`` has per score the address, method, regime, the fewest rows that are judged (null: more than the largest size that was
    tried) and that largest size; ``values`` the limits of other numbers; ``slow`` those of changes over several windows. All three
    may be null.
    """
    return list(connection.execute(_CALIBRATIONS, {"monitor": monitor, "limit": limit}).mappings())
