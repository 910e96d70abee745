"""Middleware in front of all routes: hosts, origins, the token, rates and sizes."""

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
DISCARD_SECONDS = 5.0
"""Seconds for which the rest of a body above the limit is read and dropped."""
MAX_CLIENTS = 10_000
"""Clients whose rates are remembered."""
PUBLIC = ("/", "/health", "/static/", "/openapi.json")
"""Paths that need no token; one that ends in "/" includes all paths below it."""
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
class Limits:
    """Limits on the requests of a server."""

    hosts: frozenset[str] = frozenset(LOOPBACK)
    """Accepted names in the Host header."""
    token: str = ""
    """The token in `Authorization: Bearer TOKEN`; "" requires none."""
    rate: float = 200.0
    """Mean requests per second of one client; 0 = no limit."""
    body: int = 4 << 20
    """Bytes of a request."""
    file: int = 16 << 20
    """Bytes of a picture or an exported file."""
    seconds: float = 30.0
    """Seconds in which the body of a request must arrive."""
    sockets: int = 64
    """Open WebSockets."""
    idle: float = 900.0
    """Seconds without a message after which a WebSocket is closed."""


class RequestRefused(Exception):
    """A refused request; its text is the sentence of the answer."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


@dataclass
class RateLimiter:
    """A token bucket for each client; full, it holds the requests of two seconds."""

    per_second: float
    buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    """Tokens of each client and when they were counted, least recently used first."""

    def allow(self, client: str, now: float) -> bool:
        """Whether a client may send a request `now`, in seconds; if so, counts it."""
        if not self.per_second:
            return True
        capacity = 2 * self.per_second
        tokens, since = self.buckets.pop(client, (capacity, now))
        tokens = min(capacity, tokens + (now - since) * self.per_second)
        self.buckets[client] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self.buckets) > MAX_CLIENTS:
            self.buckets.popitem(last=False)
        return tokens >= 1


class Guard:
    """Refuses requests outside the limits, and adds `HEADERS` to every answer."""

    def __init__(self, app: ASGIApp, limits: Limits):
        self.app, self.limits = app, limits
        self.limiter = RateLimiter(limits.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            self._check(scope)
            if scope["type"] == "http":
                receive = await self._body(scope, receive)
        except RequestRefused as refused:
            await _refuse(scope, receive, send, refused)
            return
        await self.app(scope, receive, _with_headers(send))

    def _check(self, scope: Scope) -> None:
        headers, limits = Headers(scope=scope), self.limits
        client = (scope.get("client") or ("", 0))[0]
        if not self.limiter.allow(client, time.monotonic()):
            raise RequestRefused(
                429, f"You sent more than {limits.rate:g} requests a second; slow down."
            )
        host = headers.get("host", "")
        if host_name(host) not in limits.hosts and not _is_server_address(host, scope):
            raise RequestRefused(
                421,
                f"This server does not answer for the host {host[:60]!r}; start it "
                f"with --allow-host to allow it.",
            )
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            raise RequestRefused(
                403, f"Pages of {origin[:60]!r} may not use this server; open its own."
            )
        if limits.token and not _is_public(scope) and not self._has_token(headers):
            raise RequestRefused(
                401,
                "This server requires its token; send it as `Authorization: Bearer "
                "TOKEN`.",
            )

    def _has_token(self, headers: Headers) -> bool:
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        # The only header that a browser's WebSocket can set is its list of protocols.
        protocols = headers.get("sec-websocket-protocol", "").split(",")
        tokens = [bearer, *(x.strip().removeprefix("token.") for x in protocols)]
        secret = self.limits.token.encode()
        # Constant time: an early exit would tell how much of a token is right.
        equal = [hmac.compare_digest(token.encode(), secret) for token in tokens]
        return any(equal)

    async def _body(self, scope: Scope, receive: Receive) -> Receive:
        """Reads the complete body, so that no route waits for a slow or endless one."""
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        file = headers.get("content-type", "").startswith("image/")
        file |= scope["path"] == "/import"
        limit = self.limits.file if file else self.limits.body
        too_large = RequestRefused(
            413, f"The request is above the limit of {limit:,} bytes; send less."
        )
        if not length.isdecimal() or int(length) > limit:
            raise too_large
        try:
            async with asyncio.timeout(self.limits.seconds):
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
            raise RequestRefused(
                408,
                f"The request did not arrive within {self.limits.seconds:g} seconds; "
                f"send it again.",
            ) from None
        return _once({"type": "http.request", "body": bytes(body)}, receive)


def _once(message: Message, receive: Receive) -> Receive:
    """Receives the message, and then what `receive` does."""
    messages = [message]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


def host_name(host: str) -> str:
    """A host without its port, in lower case; "" if it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_server_address(host: str, scope: Scope) -> bool:
    """Whether the host is the IP address of the server: DNS rebinding needs a name."""
    server = scope.get("server")
    return bool(server) and host_name(host) == server[0]


def _is_public(scope: Scope) -> bool:
    path = scope["path"]
    public = any(
        path == prefix or (prefix[-1] == "/" != prefix and path.startswith(prefix))
        for prefix in PUBLIC
    )
    return scope["type"] == "http" and public


async def _refuse(
    scope: Scope, receive: Receive, send: Send, refused: RequestRefused
) -> None:
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
    respond = _with_headers(send)
    await respond(start | {"headers": headers})
    await respond({"type": "http.response.body", "body": body})


async def _discard(receive: Receive) -> None:
    """Reads on for a moment: clients send their body before they read the answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS):
            while (await receive()).get("more_body", False):
                pass


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *RAW_HEADERS]
        await send(message)

    return send_with_headers
