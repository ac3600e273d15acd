"""A web application that is built at its first request.

Airflow loads plugins in every task process; importing FastAPI and Airflow's security code there would cost each task most of a second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from importlib import import_module
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class LazyApp:
    """ASGI application behind ``module:factory``."""

    def __init__(self, factory: str) -> None:
        self.factory = factory

    @cached_property
    def _app(self) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        module, _, name = self.factory.partition(":")
        app: Callable[[Scope, Receive, Send], Awaitable[None]] = getattr(import_module(module), name)()
        return app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
