"""Promotion and rollback: the alias `champion` moves, and every version remembers whom it followed.

The reference needs no moving: it belongs to the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from driftgate.config.models import MonitorConfig
from driftgate.errors import ModelNotFoundError, RetrainError

PREVIOUS_TAG = "driftgate.previous_champion"
"""Tag of a version: the champion that it followed; empty when there was none."""
ROLLED_BACK_TAG = "driftgate.rolled_back"
"""Tag of a version: the version that took its place when it was rolled back; empty again after a new promotion."""


class ChampionRegistry(Protocol):
    """What is needed of the registry (see :class:`driftgate.serve.registry.Registry`)."""

    def champion_version(self, model_name: str) -> str | None: ...

    def set_champion(self, model_name: str, version: str) -> None: ...

    def tags(self, model_name: str, version: str) -> Mapping[str, str]: ...

    def set_tag(self, model_name: str, version: str, key: str, value: str) -> None: ...


def promote(registry: ChampionRegistry, config: MonitorConfig, version: str) -> str | None:
    """Make a version the champion and return the one before it (None: it is the first).

    Promoting the champion again changes nothing. The predecessor is written down before the alias moves, so that a
    promotion that was interrupted can be repeated.

    Raises
    ------
    ModelNotFoundError
        If the registry does not hold this version.
    """
    name, version = config.model_name, str(version)
    current = registry.champion_version(name)
    if current == version:
        return registry.tags(name, version).get(PREVIOUS_TAG) or None
    registry.tags(name, version)  # refuses a version that does not exist before anything is written
    registry.set_tag(name, version, PREVIOUS_TAG, current or "")
    registry.set_tag(name, version, ROLLED_BACK_TAG, "")
    registry.set_champion(name, version)
    return current


def rollback(registry: ChampionRegistry, config: MonitorConfig) -> tuple[str, str]:
    """Put the previous champion back; return the version rolled back and the champion now.

    Again goes one champion further back: each version knows whom it followed. Versions that were rolled back themselves, and
    not promoted since, are passed over.

    Raises
    ------
    ModelNotFoundError
        If there is no champion, or the previous one is gone from the registry.
    RetrainError
        If the champion followed none.
    """
    name = config.model_name
    current = registry.champion_version(name)
    if current is None:
        raise ModelNotFoundError(
            f"monitor {config.id}: model {name!r} has no champion, so there is nothing to roll back; "
            f"train one with `driftgate train {config.id} --from DATE --to DATE`"
        )
    previous = _previous(registry, name, current)
    if previous is None:
        raise RetrainError(
            f"monitor {config.id}: there is no champion before version {current} of model {name!r} to roll back to; "
            f"train another with `driftgate train {config.id} --from DATE --to DATE`"
        )
    registry.set_tag(name, current, ROLLED_BACK_TAG, previous)
    registry.set_champion(name, previous)
    return current, previous


def _previous(registry: ChampionRegistry, name: str, current: str) -> str | None:
    """Follow the chain of predecessors to the first that was not rolled back."""
    seen = {current}
    candidate = registry.tags(name, current).get(PREVIOUS_TAG)
    while candidate and candidate not in seen:
        tags = registry.tags(name, candidate)
        if not tags.get(ROLLED_BACK_TAG):
            return candidate
        seen.add(candidate)
        candidate = tags.get(PREVIOUS_TAG)
    return None
