"""What the installed package does, as one process outside the repository prints it.

python from_wheel.py INK, where the package to look at comes first on the path.
"""

import contextlib
import io
import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import strokejax
from strokejax.search.character_model import load_words

NAMED = {
    ".html": re.compile(r"(?:src|href)=[\"'](?!#)([^\"']+)"),
    ".js": re.compile(r"(?:from|import)\s*\(?\s*['\"](\.{1,2}/[^'\"]+)"),
    ".css": re.compile(r"url\([\"']?(?!data:|#)([^\"')]+)"),
}
"""How a file of a page names another one."""


def command(*arguments: str) -> dict[str, Any]:
    """The JSON of `python -m strokejax.cli`."""
    out, argv = io.StringIO(), sys.argv
    sys.argv = ["strokejax", *arguments, "--json"]
    try:
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            runpy.run_module("strokejax.cli", run_name="__main__")
    finally:
        sys.argv = argv
    return json.loads(out.getvalue())


def served(collect: Path) -> dict[str, int]:
    """The status of the page and of all files that it leads to, by their paths."""
    from fastapi.testclient import TestClient

    from strokejax.serve.app import create_app
    from strokejax.serve.guard import Limits
    from strokejax.serve.studio import Studio
    from strokejax.tasks import pages

    studio = Studio(None, collect)
    client = TestClient(create_app(studio, Limits(rate=0), pages()))
    client.headers["host"] = "localhost"
    found: dict[str, int] = {}
    waiting = ["/", "/health", "/openapi.json"]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        answer = client.get(path)
        found[path] = answer.status_code
        kind = ".html" if path == "/" else Path(path).suffix
        if kind in NAMED:
            names = NAMED[kind].findall(answer.text)
            waiting += [urljoin(path, name) for name in names]
    studio.close()
    return found


def modules() -> list[str]:
    """The files of all modules of the package that were imported."""
    own = [m for name, m in sys.modules.items() if name.split(".")[0] == "strokejax"]
    return sorted({each.__file__ for each in own if each.__file__})


def main() -> None:
    """All of it."""
    ink = Path(sys.argv[1])
    said = {
        "package": str(Path(strokejax.__file__).parent),
        "recognize": command("recognize", str(ink)),
        "words": len(load_words("en")),
        "served": served(ink.parent),
    }
    print(json.dumps(said | {"modules": modules()}))


if __name__ == "__main__":
    main()
