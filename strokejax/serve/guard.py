"""Who may ask, how much and how often: bounds around every request."""

import asyncio
import hmac
import json
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "::1")
DISCARDING = 5.0
"""Seconds that a body above the limit is read without being kept."""
CLIENTS = 10_000
"""Clients whose rates are remembered."""
OPEN = ("/", "/health", "/static/", "/openapi.json")
"""What needs no token: the page that asks for it, and whether the server lives."""
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
RAW_HEADERS = [(name.lower().encode(), x.encode()) for name, x in HEADERS.items()]


@dataclass(frozen=True)
class Bounds:
    """What a server puts up with."""

    hosts: frozenset[str] = frozenset(LOOPBACK)
    """Names that the Host header may say."""
    token: str = ""
    """What `Authorization: Bearer TOKEN` must say; "" asks for none."""
    rate: float = 200.0
    """Requests a second of one client, on average; 0 = any."""
    body: int = 4 << 20
    """Bytes of a request."""
    file: int = 16 << 20
    """Bytes of one that is a picture or an exported file."""
    seconds: float = 30.0
    """For the body of a request to arrive."""
    sockets: int = 64
    """Open WebSockets."""
    idle: float = 900.0
    """Seconds without a message after which a WebSocket is closed."""


class Refused(Exception):
    """A request that is answered with one sentence."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


@dataclass
class Rate:
    """A bucket of requests for each client, refilled steadily; it holds two seconds."""

    per_second: float
    left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, client: str, now: float) -> bool:
        """Whether a client may ask now."""
        if not self.per_second:
            return True
        full = 2 * self.per_second
        tokens, since = self.left.pop(client, (full, now))
        tokens = min(full, tokens + (now - since) * self.per_second)
        self.left[client] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self.left) > CLIENTS:
            self.left.popitem(last=False)
        return tokens >= 1


class Guard:
    """Lets through what the bounds allow, and adds headers to every answer."""

    def __init__(self, app: ASGIApp, bounds: Bounds):
        self.app, self.bounds = app, bounds
        self.rate = Rate(bounds.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            self._check(scope)
            if scope["type"] == "http":
                receive = await self._body(scope, receive)
        except Refused as refused:
            await _refuse(scope, receive, send, refused)
            return
        await self.app(scope, receive, _with_headers(send))

    def _check(self, scope: Scope) -> None:
        headers, bounds = Headers(scope=scope), self.bounds
        client = (scope.get("client") or ("", 0))[0]
        if not self.rate.take(client, time.monotonic()):
            raise Refused(
                429, f"More than {bounds.rate:g} requests a second; ask more slowly."
            )
        host = headers.get("host", "")
        if name_of(host) not in bounds.hosts and not _is_own_address(host, scope):
            raise Refused(
                421,
                f"This server does not answer for the host {host[:60]!r}; start it "
                f"with --allow-host to let it.",
            )
        origin = headers.get("origin")
        if origin is not None and _place(origin) != host.lower():
            raise Refused(
                403, f"Pages of {origin[:60]!r} may not use this server; open its own."
            )
        if bounds.token and not _is_open(scope) and not self._knows(headers):
            raise Refused(
                401,
                "This server asks for its token; send it as `Authorization: Bearer "
                "TOKEN`.",
            )

    def _knows(self, headers: Headers) -> bool:
        """Whether a header holds the token; a browser's WebSocket has one header."""
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        offered = headers.get("sec-websocket-protocol", "").split(",")
        protocols = [each.strip().removeprefix("token.") for each in offered]
        wanted = self.bounds.token.encode()
        same = [hmac.compare_digest(x.encode(), wanted) for x in (bearer, *protocols)]
        return any(same)

    async def _body(self, scope: Scope, receive: Receive) -> Receive:
        """The whole body, read before anybody works for it."""
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        file = headers.get("content-type", "").startswith("image/")
        file |= scope["path"] == "/import"
        limit = self.bounds.file if file else self.bounds.body
        too_large = Refused(
            413, f"The request is above the limit of {limit:,} bytes; send less."
        )
        if not length.isdecimal() or int(length) > limit:
            raise too_large
        try:
            async with asyncio.timeout(self.bounds.seconds):
                body, more = bytearray(), True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return _once(message, receive)
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > limit:
                        raise too_large
        except TimeoutError:
            raise Refused(
                408,
                f"The request did not arrive within {self.bounds.seconds:g} seconds; "
                f"send it again.",
            ) from None
        return _once({"type": "http.request", "body": bytes(body)}, receive)


def _once(message: Message, receive: Receive) -> Receive:
    waiting = [message]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received


def name_of(host: str) -> str:
    """A host without its port, in small letters."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _place(origin: str) -> str:
    """Host and port of an origin, in small letters."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_own_address(host: str, scope: Scope) -> bool:
    """Whether it is the number that the connection came to: no name can lie there."""
    server = scope.get("server")
    return bool(server) and name_of(host) == server[0]


def _is_open(scope: Scope) -> bool:
    path = scope["path"]
    opened = any(
        path == each or (each[-1] == "/" != each and path.startswith(each))
        for each in OPEN
    )
    return scope["type"] == "http" and opened


async def _refuse(scope: Scope, receive: Receive, send: Send, refused: Refused) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send(
            {"type": "websocket.close", "code": 1008, "reason": str(refused)[:120]}
        )
        return
    if refused.status == 413:
        await _discard(receive)
    body = json.dumps({"error": str(refused)}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    start = {"type": "http.response.start", "status": refused.status}
    sending = _with_headers(send)
    await sending(start | {"headers": headers})
    await sending({"type": "http.response.body", "body": body})


async def _discard(receive: Receive) -> None:
    """What a client still sends, for a moment: else it never reads the answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARDING):
            while (await receive()).get("more_body", False):
                pass


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *RAW_HEADERS]
        await send(message)

    return sending
