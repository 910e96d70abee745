"""strokejax register: a new symbol from a handful of drawings."""

import argparse
import json
from typing import Any

from strokejax.arguments import importing
from strokejax.tasks.symbols.command import usual_size

TEXT = """\
Teach the model a new symbol, at once and without training.

One drawing is enough, 10 are better; more drawings for a symbol that is there refine
it. Every change is a new version (`strokejax symbols undo` takes it back). The packaged
model stays as it is: changes go to your own copy of it.

samples: files as `strokejax recognize` takes them, or folders of such files
"""


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("name", metavar="NAME", help="1 to 64 printable characters")
    parser.add_argument("samples", nargs="+", metavar="SAMPLE")
    parser.add_argument(
        "--method",
        choices=("sgd", "mean"),
        default="sgd",
        help="sgd: the row that best tells it from the others (default); mean: the "
        "mean of its drawings, in closed form",
    )
    parser.add_argument(
        "--ignore",
        default="",
        metavar="WHAT",
        help="what makes no difference, of direction,rotation,size: a star is a star "
        "however drawn, but an arrow left is not an arrow right",
    )
    parser.add_argument(
        "--usual-size",
        type=usual_size,
        metavar="N",
        help="longer side of the writer's usual letter, in the ink's units (default: "
        "unknown)",
    )
    parser.add_argument(
        "--force", action="store_true", help="even if other symbols lose much by it"
    )


def run(given: argparse.Namespace) -> int:
    """Registers and says what to expect of the symbol."""
    from strokejax.ink.variants import ignored
    from strokejax.tasks.symbols.command_files import read_drawings

    ignore = ignored(given.ignore, "--ignore")
    with importing():
        from strokejax.registration.registry import register

    drawings, sources = read_drawings(given.samples)
    found = register(
        given.model,
        given.name,
        drawings,
        method=given.method,
        force=given.force,
        sources=sources,
        usual_size=given.usual_size,
        ignore=ignore,
    )
    before = found["samples"] - len(sources)
    found["odd"] = [
        sources[i - before] if i >= before else f"drawing {i}" for i in found["odd"]
    ]
    if given.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        _print(found)
    return 0


def _print(found: dict[str, Any]) -> None:
    count, loss = found["samples"], found["old_loss"]
    print(
        f"{found['symbol']!r} is known by {count} drawing{'s' * (count > 1)}; the "
        f"model is at version {found['version']}."
    )
    for source in found["odd"]:
        print(f"  {source} is unlike the others; draw it again if it is a slip.")
    for each in found["confusions"]:
        print(
            f"  Looks like {each['symbol']!r}: about {100 * each['rate']:.0f} % of "
            f"further drawings will be taken for it."
        )
    if found["mistaken"] >= 0.01:
        share = 100 * found["mistaken"]
        print(f"  In all about {share:.0f} % will be taken for other symbols.")
    if loss["mean"] > 0:
        print(
            f"  The other symbols lose {100 * loss['mean']:.2f} points on average, "
            f"{loss['symbol']!r} {100 * loss['worst']:.1f}."
        )
    if more := found["more"]:
        print(f"  {more} more drawing{'s' * (more > 1)} would be worth the trouble.")
