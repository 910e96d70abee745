"""Symbols while the hand still draws: lines of `strokejax live` over a WebSocket."""

import asyncio
import json
import time
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from strokejax.recognizer import Recognizer
from strokejax.serve.messages import FORCE
from strokejax.serve.studio import K, Studio
from strokejax.tasks.symbols.live.events import MAX_LINE, Line
from strokejax.tasks.symbols.live.session import Session
from strokejax.tasks.symbols.live.stream import Settings
from strokejax.types import Ink

PROTOCOL = "strokejax"
MAX_MESSAGE = 1 << 18
"""Characters of a message."""
MAX_LINES = 1_000
"""Lines of a message."""
INTERVAL, MOST = 0.04, 0.5
"""Seconds between two answers to an unfinished symbol, alone and at the most."""
CROWD = 4
"""Sockets that are answered as if each were alone."""
ORDERS = {"flush", "cancel"}
"""What a page may say beside the lines of `strokejax live`."""
router = APIRouter()


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Lines in, one JSON an answer out; see `strokejax live --help`.

    A message holds one or more lines; {"flush": true} ends the symbol being drawn,
    {"cancel": true} forgets it, and {"changed": VERSION} comes whenever the model is
    another one.
    """
    state = socket.app.state
    offered = socket.scope.get("subprotocols", ())
    if len(state.sockets) >= state.bounds.sockets:
        await socket.accept(PROTOCOL if PROTOCOL in offered else None)
        await socket.close(1013, f"All {state.bounds.sockets} places are taken.")
        return
    await socket.accept(PROTOCOL if PROTOCOL in offered else None)
    state.sockets.add(socket)
    try:
        await _Conversation(socket, state.studio, state.bounds.idle).hold()
    except (WebSocketDisconnect, RuntimeError):
        pass  # the client has gone in the middle of something
    finally:
        state.sockets.discard(socket)


class _Conversation:
    """One socket's session; its messages are answered one after the other."""

    def __init__(self, socket: WebSocket, studio: Studio, idle: float):
        self.socket, self.studio, self.idle = socket, studio, idle
        self.count = 0
        self.model = studio.recognizer
        self.heard = time.perf_counter()

    async def hold(self) -> None:
        """Answers until the client goes or is silent for too long."""
        self.session = await self.studio.live(
            Session,
            self.model,
            Settings(interval=INTERVAL, k=K),
            collect=self.studio.collect,
            register=self._register,
        )
        await self._tell([{"changed": self.model.version}])
        while True:
            try:
                text = await self._next()
            except TimeoutError:
                await self._wake()
                continue
            self.heard = time.perf_counter()
            if text is None or len(text) > MAX_MESSAGE:
                await self.socket.close(
                    1009, f"above {MAX_MESSAGE:,} characters of text"
                )
                return
            await self._tell(await self._answers(text))

    async def _answers(self, text: str) -> list[dict[str, Any]]:
        lines = text.split("\n")
        if len(lines) > MAX_LINES:
            said = (
                f"{len(lines):,} lines in a message, above the limit of {MAX_LINES:,}"
            )
            return [{"error": f"{said}; send fewer at a time."}]
        if '"correct"' in text:
            # Learning waits for its turn, and must not keep others from answers.
            return await asyncio.to_thread(self._taken, lines)
        return await self.studio.live(self._taken, lines)

    async def _next(self) -> str | None:
        """The next message; None if it is not text, TimeoutError if none comes."""
        now = time.perf_counter()
        wait = min(self.session.ends - now, self.heard + self.idle - now, 1.0)
        async with asyncio.timeout(max(wait, 0)):
            message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        return message.get("text")

    async def _wake(self) -> None:
        """What time alone brings: a symbol's end, another model, no more patience."""
        now = time.perf_counter()
        if now >= self.heard + self.idle:
            await self.socket.close(1001, "nothing was drawn for long")
            raise WebSocketDisconnect(1001)
        if now >= self.session.ends:
            await self._tell(await self.studio.live(self.session.expire))
        elif self.model is not self.studio.recognizer:
            await self._tell(await self.studio.live(self._renewed))

    def _taken(self, lines: list[str]) -> list[dict[str, Any]]:
        told, read = self._renewed(), time.perf_counter()
        crowd = len(self.socket.app.state.sockets) / CROWD
        self.session.pace(min(INTERVAL * max(crowd, 1.0), MOST))
        for line in lines:
            self.count += 1
            data = line.encode(errors="replace")
            order = _order(data)
            if order == "flush":
                told += self.session.finish()
            elif order == "cancel":
                self.session.cancel()
            else:
                kept = data if len(data) <= MAX_LINE else None
                told += self.session.take(Line(self.count, kept, read), read)
        return told

    def _renewed(self) -> list[dict[str, Any]]:
        """Takes the newest snapshot over."""
        if self.model is self.studio.recognizer:
            return []
        self.model = self.studio.recognizer
        self.session.use(self.model)
        return [{"changed": self.model.version}]

    def _register(
        self, name: str, ink: Ink, usual: float | None
    ) -> tuple[Recognizer, dict[str, Any]]:
        from strokejax.registration.registry import register

        more: dict[str, Any] = {"sources": ["studio"], "usual_size": usual}
        done = self.studio.submit(register, self.studio.model, name, [ink], **more)
        found = done.result()
        self.model = self.studio.recognizer
        return self.model, {"version": found["version"]}

    async def _tell(self, told: list[dict[str, Any]]) -> None:
        for each in told:
            if FORCE in each.get("error", ""):
                way = "accept that where it is taught"
                each["error"] = each["error"].replace(FORCE, way)
            await self.socket.send_text(json.dumps(each, ensure_ascii=False))


def _order(data: bytes) -> str | None:
    """Which of `ORDERS` a line is."""
    if not data.endswith(b"true}"):
        return None
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return None
    order, *more = said if isinstance(said, dict) else [None]
    return order if order in ORDERS and said[order] is True and not more else None
