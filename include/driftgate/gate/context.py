"""The Great Expectations context of one run: everything in memory; results are kept by who asked for them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from great_expectations.data_context import AbstractDataContext


def open_context() -> AbstractDataContext:
    """Open an ephemeral context, so that runs side by side never write tracked files. Nothing is sent anywhere.

    It knows no Data Docs site: the site builder of Great Expectations looks at every stored result for each page it writes.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read by GX when it is imported
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        data_docs_sites={},
        analytics_enabled=False,
        progress_bars={"globally": False},
    )
    return gx.get_context(project_config=config, mode="ephemeral")
