"""How the rows of a window are held."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from driftgate.config.section import Section


class BatchConfig(Section):
    """From which size on a window's rows are streamed."""

    stream_above: Annotated[int, Field(ge=1)] = 1_000_000
    """A window of more rows is never held in memory as a whole, see docs/big-batches.md."""
