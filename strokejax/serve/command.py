"""strokejax serve: the studio, in a browser."""

import argparse
import json
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from strokejax.arguments import Verb, importing
from strokejax.types import InputError

TEXT = """\
Draw, teach and type in a browser: answers while the hand still moves.

The page is at the address that is printed. Programs can do all that it does: see
/openapi.json there. Only this machine can reach it, unless --host or --allow-host say
otherwise: then every request needs the token that is printed, or that you put into the
environment variable STROKEJAX_TOKEN.
"""


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--host", default="127.0.0.1", help="(default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="(default: 8000)")
    parser.add_argument(
        "--open", action="store_true", help="open the page in your browser"
    )
    parser.add_argument(
        "--collect",
        metavar="FOLDER",
        help="keep drawings of guided collection, and corrected ones, in this folder "
        "(default: collected/ beside your model)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that this server is reached by, behind a proxy say; repeatable",
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=200.0,
        metavar="N",
        help="requests a second that one client may send (default: 200; 0: any)",
    )


def run(pages: Callable[[], Any], args: argparse.Namespace) -> int:
    """Serves the pages that `pages` imports until it is stopped."""
    if not 0 <= args.port <= 65_535:
        raise InputError(f"--port is {args.port}; choose one of 0 to 65,535.")
    if not 0 <= args.rate < 1e9:
        raise InputError(f"--rate is {args.rate:g}; give 0 or more.")
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"The studio needs the package {error.name}, which is not installed: "
            f"pip install 'strokejax[serve]'."
        ) from error
    with importing():
        from strokejax.serve.guard import LOOPBACK, Bounds, name_of
        from strokejax.serve.run import listening, serve
        from strokejax.serve.studio import Studio
        from strokejax.store.paths import home

        shown_pages = pages()

    collect = Path(args.collect).expanduser() if args.collect else home() / "collected"
    if collect.exists() and not collect.is_dir():
        raise InputError(f"--collect {collect} is a file; name a folder.")
    collect.mkdir(parents=True, exist_ok=True)
    alone = args.host in LOOPBACK and not args.allow_host
    token = "" if alone else _token()
    hosts = frozenset({*LOOPBACK, args.host, *map(name_of, args.allow_host)})
    bounds = Bounds(hosts=hosts, token=token, rate=args.rate)
    with listening(args.host, args.port) as place:
        studio = Studio(args.model, collect)
        host, port = place.getsockname()[:2]
        host = _reached_at(host)
        shown = f"[{host}]" if ":" in host else host
        said: dict[str, Any] = {
            "url": f"http://{shown}:{port}",
            "token": token,
            "pid": os.getpid(),
        }
        print(json.dumps(said) if args.json else _said(said), flush=True)
        if args.open:
            import webbrowser

            webbrowser.open(said["url"] + (f"/#token={token}" if token else ""))
        serve(studio, bounds, shown_pages, place)
    return 0


def _reached_at(host: str) -> str:
    """The address, or for all of this machine's the one that others would reach."""
    if host not in ("0.0.0.0", "::"):
        return host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: the system only says which way a packet would leave.
            probe.connect(
                ("192.0.2.1" if family == socket.AF_INET else "2001:db8::1", 9)
            )
        except OSError:
            return "127.0.0.1" if family == socket.AF_INET else "::1"
        return probe.getsockname()[0]


def _token() -> str:
    import secrets

    token = os.environ.get("STROKEJAX_TOKEN", "") or secrets.token_urlsafe(24)
    if len(token) < 16 or not token.isascii() or not token.isprintable():
        raise InputError(
            f"STROKEJAX_TOKEN has {len(token)} characters; give at least 16 printable "
            f"ones of ASCII."
        )
    return token


def _said(said: dict[str, Any]) -> str:
    token = f"\nThe token: {said['token']}" if said["token"] else ""
    return f"The studio is at {said['url']} (stop it with Ctrl-C).{token}"


def verb(pages: Callable[[], Any]) -> Verb:
    """The command; `pages` imports the page modules of the tasks."""
    return Verb("serve", TEXT, options, partial(run, pages))
