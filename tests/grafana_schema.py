"""Validation of dashboards against the schemas made from Grafana's published types."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

from jsonschema import Draft7Validator

from grafana_files import SCHEMA, panels

QUERY_KEYS = {"refId", "datasource", "editorMode", "format", "rawQuery", "rawSql"}


@cache
def validator(name: str) -> Draft7Validator:
    return Draft7Validator(json.loads((SCHEMA / f"{name}.json").read_text()))


def problems(dashboard: dict[str, Any]) -> list[str]:
    """Return what Grafana's types do not allow, and what they leave open about our queries."""
    whole = copy.deepcopy(dashboard)
    targets = [annotation.pop("target") for annotation in whole["annotations"]["list"]]  # the types know Grafana's own annotations only
    found = [f"dashboard: {error.json_path}: {error.message}" for error in validator("dashboard").iter_errors(whole)]
    found += [text for target in targets for text in query_problems(target)]
    for panel in panels(dashboard):
        found += [f"{panel['title']}: {text}" for text in panel_problems(panel)]
    return found


def panel_problems(panel: dict[str, Any]) -> list[str]:
    kind = panel["type"]
    if not (SCHEMA / f"{kind}-options.json").is_file():
        return [f"no schema for panels of type {kind}: add it to include/grafana/schema/generate.sh"]
    found = [error.message for error in validator(f"{kind}-options").iter_errors(panel["options"])]
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    if (SCHEMA / f"{kind}-field.json").is_file():
        found += [error.message for error in validator(f"{kind}-field").iter_errors(custom)]
    elif custom:
        found.append(f"panels of type {kind} have no field settings of their own, but there are {sorted(custom)}")
    return found + [text for target in panel["targets"] for text in query_problems(target)]


def query_problems(target: dict[str, Any]) -> list[str]:
    """Queries are free-form in Grafana's types; this is the form of its PostgreSQL data source."""
    right = set(target) == QUERY_KEYS and isinstance(target["rawSql"], str) and target["format"] in ("table", "time_series")
    return [] if right else [f"query {target.get('refId')} has the wrong form: {sorted(target)}"]
