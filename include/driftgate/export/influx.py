"""InfluxDB through its v2 write interface: windows as points in line protocol, at the time of the window.

The writer is a page of code on httpx instead of the package influxdb-client: the interface is one POST of a documented text
format, whereas that package adds ReactiveX and a generated client of the whole server, bounds only single waits and not a
whole write, and gets repairs only since InfluxDB 3 has a client of its own.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence

from driftgate.errors import SettingsError
from driftgate.export.delivery import Request, SinkRefusedError, Target, deliver, parse_address
from driftgate.export.figures import ColumnFigures, Figures
from driftgate.settings import InfluxSettings

MAX_LINES = 5_000
"""Lines in one request, as InfluxDB recommends."""
PATH = "/api/v2/write"
_TOO_LARGE = 413

_ADVICE = {
    400: "nothing of it was written; the answer names the line",
    401: "check INFLUXDB_TOKEN: it must be allowed to write to the bucket",
    403: "check INFLUXDB_TOKEN: it must be allowed to write to the bucket",
    404: "check INFLUXDB_URL, INFLUXDB_ORG and INFLUXDB_BUCKET: one of them does not exist there",
    413: "one point alone is larger than the server takes",
    422: "points were rejected; a bucket for past windows must keep data for ever (retention 0)",
}

_UNSAFE = str.maketrans({"\r": " ", "\n": " ", "\t": " ", "\0": " ", "\\": "/"})

Value = bool | int | float | str | None


def write(settings: InfluxSettings, lines: Sequence[str]) -> None:
    """Write points; the same points written again overwrite themselves. A request that is too large is halved until it fits.

    Raises
    ------
    SettingsError
        If the address, token, organisation or bucket is missing or unusable.
    ServiceError
        If the server does not answer or is busy.
    SinkRefusedError
        If it refuses the points. Part of them may have been written then; sending all of them again is right.
    """
    target = _target(settings)
    for first in range(0, len(lines), MAX_LINES):
        _write(target, settings, lines[first : first + MAX_LINES])


def _write(target: Target, settings: InfluxSettings, lines: Sequence[str]) -> None:
    request = Request(
        "POST",
        PATH,
        content=gzip.compress("\n".join(lines).encode(), compresslevel=5, mtime=0),
        params={"org": settings.org, "bucket": settings.bucket, "precision": "ms"},
        headers={"Content-Type": "text/plain; charset=utf-8", "Content-Encoding": "gzip"},
    )
    try:
        deliver(target, request)
    except SinkRefusedError as error:
        if error.status != _TOO_LARGE or len(lines) == 1:
            raise
        half = len(lines) // 2
        _write(target, settings, lines[:half])
        _write(target, settings, lines[half:])


def _target(settings: InfluxSettings) -> Target:
    for name in ("token", "org", "bucket"):
        if not getattr(settings, name):
            variable = f"INFLUXDB_{name.upper()}"
            raise SettingsError(f"INFLUXDB_URL is set and {variable} is not; set {variable}, or unset INFLUXDB_URL to export nothing there")
    if not (settings.token.isascii() and settings.token.isprintable() and " " not in settings.token):
        raise SettingsError("INFLUXDB_TOKEN holds characters that a token cannot have, such as a space or a line break; copy it again")
    url, auth = parse_address(settings.url, "INFLUXDB_URL")
    if auth is not None:
        raise SettingsError(
            "INFLUXDB_URL holds a user or password, which InfluxDB does not take; write http://host:port and set INFLUXDB_TOKEN"
        )
    return Target("InfluxDB", url, headers={"Authorization": f"Token {settings.token}"}, secrets=(settings.token,), advice=_ADVICE)


# --- points -----------------------------------------------------------------------------------------------------------


def points(figures: Figures, environment: str, *, export_duration: float, report_seconds: float | None) -> list[str]:
    """Return one window as lines: measurements, fields and their types as the reference of the metrics names them.

    Parameters
    ----------
    export_duration
        Seconds from the start of this window's export until its points were ready to be sent.
    report_seconds
        How long drawing the window's report took; None where no report was drawn.
    """
    tags = {"monitor": figures.monitor, "model_version": figures.model_version, "environment": environment}
    moment = round(figures.window.start.timestamp() * 1000)
    parts: list[tuple[str, Mapping[str, str], Mapping[str, Value]]] = [
        ("ml_data_drift", tags, _drift(figures)),
        ("ml_data_quality", tags, _quality(figures)),
        ("ml_model_performance", tags, {name: score.value for name, score in figures.performance.items()}),
        ("ml_model_performance_reference", tags, {name: score.reference for name, score in figures.performance.items()}),
        ("ml_business_kpi", tags, figures.kpis),
        ("ml_monitoring_performance", tags, {"export_duration": float(export_duration), "report_generation_time": report_seconds}),
        *(("ml_column_drift", {**tags, "column": item.column}, _column(item)) for item in figures.columns),
    ]
    return [text for name, labels, fields in parts if (text := line(name, labels, fields, moment)) is not None]


def _drift(figures: Figures) -> Mapping[str, Value]:
    return {
        "dataset_drift": figures.dataset_drift,
        "drift_share": figures.drift_share,
        "drifted_features_count": figures.drifted_features,
        "total_features": figures.total_features,
    }


def _quality(figures: Figures) -> Mapping[str, Value]:
    return {
        "missing_values_percentage": figures.missing_percentage,
        "missing_values_count": figures.missing_count,
        "total_values": figures.total_values,
        "rows": figures.rows,
    }


def _column(item: ColumnFigures) -> Mapping[str, Value]:
    return {
        "drift_score": item.drift_score,
        "drift_threshold": item.drift_threshold,
        "drifted": None if item.drifted is None else int(item.drifted),
        "missing_share": item.missing_share,
        "slow_drift": item.slow_drift,
        "slow_drift_threshold": item.slow_drift_threshold,
    }


def line(measurement: str, tags: Mapping[str, str], fields: Mapping[str, Value], moment_ms: int) -> str | None:
    """Return one point in line protocol; a field without a value is left out, and a point without fields is None."""
    written = ",".join(_fields(fields))
    if not written:
        return None
    labels = "".join(f",{_key(name)}={_key(value)}" for name, value in sorted(tags.items()) if value)
    return f"{_key(measurement, '=')}{labels} {written} {moment_ms}"


def _fields(fields: Mapping[str, Value]) -> Iterator[str]:
    for name, value in fields.items():
        if value is not None:
            yield f"{_key(name)}={_field(value)}"


def _field(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return f"{value}i" if isinstance(value, int) else repr(float(value))


def _key(text: str, plain: str = "") -> str:
    """Escape a name or tag value.

    Line breaks, which the format cannot hold here, become spaces; a backslash becomes a slash, because servers disagree about one
    that stands before an escaped character or at the end.
    """
    text = text.translate(_UNSAFE)
    for special in ", =":
        if special not in plain:
            text = text.replace(special, f"\\{special}")
    return text
