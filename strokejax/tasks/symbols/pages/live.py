"""Live input over a WebSocket: the lines of `strokejax live`, and two commands."""

import asyncio
import json
import time
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from strokejax.recognizer import Recognizer
from strokejax.serve.messages import MAX_MESSAGE
from strokejax.serve.studio import K, Studio
from strokejax.tasks.symbols.live.events import MAX_LINE, Line
from strokejax.tasks.symbols.live.session import Session
from strokejax.tasks.symbols.live.stream import Settings
from strokejax.types import Ink

PROTOCOL = "strokejax"
MAX_LINES = 1_000
"""Lines in a message."""
INTERVAL, MAX_INTERVAL = 0.04, 0.5
"""Seconds between two answers to an unfinished symbol: for few sockets, at most."""
FEW_SOCKETS = 4
"""Sockets that are each answered every `INTERVAL`; more of them share the time."""
COMMANDS = {"flush", "cancel"}
"""Commands that a page may send in addition to the lines of `strokejax live`."""
router = APIRouter()


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Lines in, one JSON object an answer out; see `strokejax live --help`.

    A message holds one or more lines. {"flush": true} ends the symbol being drawn,
    {"cancel": true} forgets it, and the server sends {"changed": VERSION} whenever the
    model has changed.
    """
    state = socket.app.state
    offered = socket.scope.get("subprotocols", ())
    if len(state.sockets) >= state.limits.sockets:
        await socket.accept(PROTOCOL if PROTOCOL in offered else None)
        # 1013, "try again later".
        await socket.close(1013, f"All {state.limits.sockets} connections are in use.")
        return
    await socket.accept(PROTOCOL if PROTOCOL in offered else None)
    state.sockets.add(socket)
    try:
        await _Connection(socket, state.studio, state.limits.idle).serve()
    except (WebSocketDisconnect, RuntimeError):
        pass  # the client may leave at any moment
    finally:
        state.sockets.discard(socket)


class _Connection:
    """One socket and its session; messages are answered one after the other."""

    def __init__(self, socket: WebSocket, studio: Studio, idle: float):
        self.socket, self.studio, self.idle = socket, studio, idle
        self.count = 0
        """Number of received lines."""
        self.model = studio.recognizer
        self.heard_at = time.perf_counter()
        """When the last message arrived."""

    async def serve(self) -> None:
        """Answers until the client leaves or is silent for `idle` seconds."""
        self.session = await self.studio.run_live(
            Session,
            self.model,
            Settings(interval=INTERVAL, k=K),
            collect=self.studio.collect,
            register=self._register,
        )
        await self._send([{"changed": self.model.version}])
        while True:
            try:
                text = await self._receive()
            except TimeoutError:
                await self._wake()
                continue
            self.heard_at = time.perf_counter()
            if text is None or len(text) > MAX_MESSAGE:
                # 1009, "message too big"; bytes are refused alike.
                await self.socket.close(
                    1009, f"above {MAX_MESSAGE:,} characters of text"
                )
                return
            await self._send(await self._answers(text))

    async def _answers(self, text: str) -> list[dict[str, Any]]:
        lines = text.split("\n")
        if len(lines) > MAX_LINES:
            error = (
                f"{len(lines):,} lines in a message, above the limit of {MAX_LINES:,}; "
                f"send fewer at a time."
            )
            return [{"error": error}]
        if '"correct"' in text:
            # Registering waits for other changes: a thread for sockets must not.
            return await asyncio.to_thread(self._process, lines)
        return await self.studio.run_live(self._process, lines)

    async def _receive(self) -> str | None:
        """The next message, None if it is not text.

        TimeoutError at the symbol's deadline, when the client has been silent for too
        long, and every second: to look for a changed model.
        """
        now = time.perf_counter()
        wait = min(self.session.deadline - now, self.heard_at + self.idle - now, 1.0)
        async with asyncio.timeout(max(wait, 0)):
            message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        return message.get("text")

    async def _wake(self) -> None:
        """Closes a silent connection, ends a symbol, or takes over a changed model."""
        now = time.perf_counter()
        if now >= self.heard_at + self.idle:
            # 1001, "going away".
            await self.socket.close(1001, f"no message for {self.idle:g} seconds")
            raise WebSocketDisconnect(1001)
        if now >= self.session.deadline:
            await self._send(await self.studio.run_live(self.session.expire))
        elif self.model is not self.studio.recognizer:
            await self._send(await self.studio.run_live(self._refresh))

    def _process(self, lines: list[str]) -> list[dict[str, Any]]:
        answers, now = self._refresh(), time.perf_counter()
        crowd = len(self.socket.app.state.sockets) / FEW_SOCKETS
        self.session.set_interval(min(INTERVAL * max(crowd, 1.0), MAX_INTERVAL))
        for line in lines:
            self.count += 1
            data = line.encode(errors="replace")
            command = _command(data)
            if command == "flush":
                answers += self.session.finish()
            elif command == "cancel":
                self.session.cancel()
            else:
                text = data if len(data) <= MAX_LINE else None
                answers += self.session.process(Line(self.count, text, now), now)
        return answers

    def _refresh(self) -> list[dict[str, Any]]:
        """Takes over the newest snapshot."""
        if self.model is self.studio.recognizer:
            return []
        self.model = self.studio.recognizer
        self.session.set_model(self.model)
        return [{"changed": self.model.version}]

    def _register(
        self, name: str, ink: Ink, reference_size: float | None
    ) -> tuple[Recognizer, dict[str, Any]]:
        from strokejax.registration.registry import register

        options: dict[str, Any] = {
            "sources": ["studio"],
            "reference_size": reference_size,
        }
        future = self.studio.submit(register, self.studio.model, name, [ink], **options)
        report = future.result()
        self.model = self.studio.recognizer
        return self.model, {"version": report["version"]}

    async def _send(self, answers: list[dict[str, Any]]) -> None:
        for answer in answers:
            await self.socket.send_text(json.dumps(answer, ensure_ascii=False))


def _command(data: bytes) -> str | None:
    """The command in a line like {"flush": true}, None for any other line."""
    if not data.endswith(b"true}"):
        return None  # spares most lines a second parsing
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return None
    command, *others = content if isinstance(content, dict) else [None]
    is_command = command in COMMANDS and content[command] is True and not others
    return command if is_command else None
