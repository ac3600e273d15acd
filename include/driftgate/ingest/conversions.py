"""Conversions of one column to the type of its role; every value is read alone, so the same value is the same in any window."""

from __future__ import annotations

import re
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from driftgate.errors import SchemaError

_OFFSET = re.compile(r"\d{1,2}:\d{2}.*(?:Z|[+-]\d{2}(?::?\d{2})?)\s*$", re.IGNORECASE)
_WHOLE = re.compile(r"^([+-]?\d+)\.0+$")
_UTC_TYPE: Final = "datetime64[us, UTC]"
_EXAMPLES = 3


def as_number(values: pd.Series, where: str, notes: list[str]) -> pd.Series:
    """Read numbers, also as text; infinities become null and are noted.

    Raises
    ------
    SchemaError
        If a value that is not null is no number.
    """
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
        raise SchemaError(f"{where}: holds {values.dtype}, not numbers; give it the right role in the monitor file or convert it")
    numbers = _to_float(values)
    _refuse(values, numbers.isna() & values.notna() & ~_is_nan_text(values), where, "not numbers")
    infinite = np.isinf(numbers.to_numpy())
    if infinite.any():
        notes.append(f"{int(infinite.sum())} infinite values in {values.name!s} are read as missing")
        numbers = numbers.mask(infinite)
    return numbers


def _to_float(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype("float64") if values.dtype != bool else values.astype("int8").astype("float64")
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    numbers = pd.to_numeric(values.map(_plain, na_action="ignore"), errors="coerce")
    return numbers.astype("float64")


def _plain(value: Any) -> Any:
    """Return what pandas can read as a number: text trimmed, booleans and decimals as floats."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, (list, dict, set)):
        return str(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def _is_nan_text(values: pd.Series) -> pd.Series:
    """Tell blank text and spelt-out NaN, which are missing values and not faults."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return pd.Series(False, index=values.index)
    return values.map(lambda value: str(value).strip().lower() in ("", "nan"), na_action="ignore").fillna(False).astype(bool)


def as_category(values: pd.Series) -> pd.Series:
    """Read categories as text: 1, 1.0 and "1.0" are all "1", True is "True"; nulls stay null."""
    codes, uniques = pd.factorize(values, use_na_sentinel=True)
    names = np.array([_category(value) for value in uniques] + [None], dtype=object)
    return pd.Series(names[codes], index=values.index, name=values.name, dtype="str")


def _category(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    text = str(value)
    match = _WHOLE.match(text)
    return match[1] if match else text


def as_timestamp(values: pd.Series, zone: ZoneInfo, where: str, notes: list[str]) -> pd.Series:
    """Read moments as UTC; a moment without an offset is local time in ``zone``.

    When clocks go back, an hour happens twice: the first is meant, and it is noted. When they go forward, an hour does not
    exist: the first moment after it is meant.

    Raises
    ------
    SchemaError
        If a value is no moment, or the column holds numbers.
    """
    if pd.api.types.is_numeric_dtype(values.dtype) and values.notna().any():
        raise SchemaError(f"{where}: holds {values.dtype}, not date-times; convert it in the source, for example to 2013-04-05T06:00:00Z")
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return _in_utc(values)
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return _localise(values, zone, where, notes)
    return _parse_moments(values, zone, where, notes)


def _parse_moments(values: pd.Series, zone: ZoneInfo, where: str, notes: list[str]) -> pd.Series:
    text = values.map(str, na_action="ignore")
    aware = text.map(lambda value: _OFFSET.search(value) is not None, na_action="ignore").fillna(False).astype(bool)
    moments = pd.Series(pd.NaT, index=values.index, name=values.name, dtype=_UTC_TYPE)
    if aware.any():
        moments[aware] = _parse(text[aware], utc=True).astype(_UTC_TYPE)
    if (~aware).any():
        moments[~aware] = _localise(_parse(text[~aware], utc=False), zone, where, notes)
    _refuse(values, moments.isna() & values.notna(), where, "not date-times", "write them as 2013-04-05T06:00:00Z")
    return moments


def _parse(text: pd.Series, *, utc: bool) -> pd.Series:
    moments = pd.to_datetime(text, utc=utc, errors="coerce", format="ISO8601")
    rest = moments.isna() & text.notna()
    if rest.any():
        moments[rest] = pd.to_datetime(text[rest], utc=utc, errors="coerce", format="mixed")
    return moments


def _localise(values: pd.Series, zone: ZoneInfo, where: str, notes: list[str]) -> pd.Series:
    first = values.dt.tz_localize(zone, ambiguous=np.ones(len(values), dtype=bool), nonexistent="shift_forward")
    twice = values.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").isna() & values.notna()
    if twice.any():
        notes.append(f"{int(twice.sum())} local times happened twice because clocks went back; the first of the two is taken")
    return _in_utc(first)


def _in_utc(values: pd.Series) -> pd.Series:
    return cast(pd.Series, values.dt.tz_convert("UTC").astype(_UTC_TYPE))


def _refuse(values: pd.Series, faulty: pd.Series, where: str, fault: str, remedy: str = "correct them in the source") -> None:
    count = int(faulty.sum())
    if count:
        examples = ", ".join(repr(value) for value in values[faulty].drop_duplicates().head(_EXAMPLES))
        raise SchemaError(f"{where}: {count} of {len(values)} values are {fault}, for example {examples}; {remedy}")
