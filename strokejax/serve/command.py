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
Draw, teach and type in a browser; answers appear while you draw.

The command prints the address of the page. Programs can send the same requests as the
page: /openapi.json lists them. Only this computer can reach the server, unless you set
--host or --allow-host. Then every request needs a token: the value of the environment
variable STROKEJAX_TOKEN, or else a new one, which the command prints.
"""


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--host", default="127.0.0.1", help="(default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="(default: 8000)")
    parser.add_argument(
        "--open", action="store_true", help="open the page in your browser"
    )
    parser.add_argument(
        "--collect",
        metavar="FOLDER",
        help="save collected and corrected drawings in this folder (default: "
        "collected/ beside your model)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another host name of this server, such as that of a proxy; repeatable",
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=200.0,
        metavar="N",
        help="maximum requests per second of one client (default: 200; 0: no limit)",
    )


def run(pages: Callable[[], Any], args: argparse.Namespace) -> int:
    """Serves the pages that `pages` imports, until the process is stopped."""
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
        from strokejax.serve.guard import LOOPBACK, Limits, host_name
        from strokejax.serve.run import listen, serve
        from strokejax.serve.studio import Studio
        from strokejax.store.paths import home

        modules = pages()

    collect = Path(args.collect).expanduser() if args.collect else home() / "collected"
    if collect.exists() and not collect.is_dir():
        raise InputError(f"--collect {collect} is a file; name a folder.")
    collect.mkdir(parents=True, exist_ok=True)
    local = args.host in LOOPBACK and not args.allow_host
    token = "" if local else _token()
    hosts = frozenset({*LOOPBACK, args.host, *map(host_name, args.allow_host)})
    limits = Limits(hosts=hosts, token=token, rate=args.rate)
    with listen(args.host, args.port) as listener:
        studio = Studio(args.model, collect)
        host, port = listener.getsockname()[:2]
        host = _reachable(host)
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        text = f"The studio is at {url} (stop it with Ctrl-C)."
        if token:
            text += f"\nThe token: {token}"
        if args.json:
            text = json.dumps({"url": url, "token": token, "pid": os.getpid()})
        print(text, flush=True)
        if args.open:
            import webbrowser

            webbrowser.open(url + (f"/#token={token}" if token else ""))
        serve(studio, limits, modules, listener)
    return 0


def _reachable(host: str) -> str:
    """An address by which others reach a server that listens on all addresses."""
    if host not in ("0.0.0.0", "::"):
        return host
    version6 = ":" in host
    family = socket.AF_INET6 if version6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            # Sends nothing: the system only chooses the interface for this target, an
            # address reserved for documentation (RFC 5737, RFC 3849).
            probe.connect(("2001:db8::1" if version6 else "192.0.2.1", 9))
        except OSError:
            return "::1" if version6 else "127.0.0.1"
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


def verb(pages: Callable[[], Any]) -> Verb:
    """The command; `pages` imports the page modules of the tasks."""
    return Verb("serve", TEXT, options, partial(run, pages))
