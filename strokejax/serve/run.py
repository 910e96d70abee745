"""The server's life: a socket, requests until it is told to stop, a graceful end."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from strokejax.serve.app import Pages, create_app
from strokejax.serve.guard import Bounds
from strokejax.serve.messages import MAX_MESSAGE
from strokejax.serve.studio import Studio
from strokejax.types import InputError

SILENT = 15
"""Seconds that a connection may be open without a whole request."""
PATIENCE = 10
"""Seconds that requests have to end once the server is told to stop."""


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket at an address; InputError where there can be none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise InputError(
            f"Nothing can listen at {host} port {port} ({error.strerror}); choose "
            f"another --port, 0 for any that is free."
        ) from error
    with listener:
        yield listener


def serve(studio: Studio, bounds: Bounds, pages: Pages, at: socket.socket) -> None:
    """Answers requests until SIGTERM or Ctrl-C; what was begun is ended."""
    config = uvicorn.Config(
        create_app(studio, bounds, pages),
        access_log=False,
        log_level="warning",
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=4 * MAX_MESSAGE,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=PATIENCE,
        h11_max_incomplete_event_size=64 << 10,
    )
    try:
        _Server(config).run(sockets=[at])
    finally:
        studio.close()


class _Server(uvicorn.Server):
    """Closes connections that never ask: each costs a place and memory."""

    def __init__(self, config: uvicorn.Config):
        super().__init__(config)
        self._silent: dict[Any, float] = {}

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            now = time.monotonic()
            # A WebSocket's protocol has no cycle; an HTTP one has None before it asks.
            silent = [
                each
                for each in self.server_state.connections
                if getattr(each, "cycle", each) is None
            ]
            self._silent = {each: self._silent.get(each, now) for each in silent}
            for each, since in self._silent.items():
                if now > since + SILENT:
                    each.transport.close()
        return await super().on_tick(counter)
