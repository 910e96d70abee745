"""Running the server: its socket, its connections, a graceful shutdown."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from strokejax.serve.app import Pages, create_app
from strokejax.serve.guard import Limits
from strokejax.serve.messages import MAX_MESSAGE
from strokejax.serve.studio import Studio
from strokejax.types import InputError

MAX_SILENCE = 15
"""Seconds after which a connection without a complete request is closed."""
SHUTDOWN_SECONDS = 10
"""Seconds that running requests have to finish after SIGTERM or Ctrl-C."""


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens at an address; InputError if the address is not free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise InputError(
            f"The server cannot listen at {host} port {port} ({error.strerror}); "
            f"choose another --port, or 0 for any free one."
        ) from error
    with listener:
        yield listener


def serve(
    studio: Studio, limits: Limits, pages: Pages, listener: socket.socket
) -> None:
    """Answers requests until SIGTERM or Ctrl-C; running requests finish."""
    config = uvicorn.Config(
        create_app(studio, limits, pages),
        access_log=False,
        log_level="warning",
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=4 * MAX_MESSAGE,  # UTF-8 has up to 4 bytes per character
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        h11_max_incomplete_event_size=64 << 10,
    )
    try:
        _Server(config).run(sockets=[listener])
    finally:
        studio.close()


class _Server(uvicorn.Server):
    """Closes silent connections: each occupies a socket and memory."""

    def __init__(self, config: uvicorn.Config):
        super().__init__(config)
        self._silent_since: dict[Any, float] = {}

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            now = time.monotonic()
            # `cycle` is uvicorn's current request. It is None before the first request
            # of an HTTP connection; a WebSocket has no such attribute.
            silent = [
                connection
                for connection in self.server_state.connections
                if getattr(connection, "cycle", connection) is None
            ]
            self._silent_since = {x: self._silent_since.get(x, now) for x in silent}
            for connection, since in self._silent_since.items():
                if now > since + MAX_SILENCE:
                    connection.transport.close()
        return await super().on_tick(counter)
