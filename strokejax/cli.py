"""The commands of people: strokejax VERB ... (jobs: python -m strokejax.launch)."""

import argparse
import io
import os
import sys
import warnings
from collections.abc import Sequence
from types import SimpleNamespace

from strokejax import __version__
from strokejax.serve import command as serve
from strokejax.tasks.fonts import command as fonts
from strokejax.tasks.lines import command as lines
from strokejax.tasks.swipes import command as swipe
from strokejax.tasks.symbols import collect_command as collect
from strokejax.tasks.symbols import command as one
from strokejax.tasks.symbols import symbols_command as symbols
from strokejax.tasks.symbols.evaluation import command as evaluate
from strokejax.tasks.symbols.live import command as live
from strokejax.types import InputError

VERBS = {
    "recognize": SimpleNamespace(
        TEXT=one.RECOGNIZE, options=one.recognize_options, run=one.run_recognize
    ),
    "register": SimpleNamespace(
        TEXT=one.REGISTER, options=one.register_options, run=one.run_register
    ),
    "symbols": symbols,
    "evaluate": evaluate,
    "live": live,
    "lines": lines,
    "fonts": fonts,
    "swipe": swipe,
    "collect": collect,
    "serve": serve,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; 0, or 2 where input was refused."""
    parser = _parser()
    given = parser.parse_args(argv)
    if not given.verb:
        parser.print_help()
        return 0
    warnings.showwarning = _warn
    for stream in (sys.stdout, sys.stderr):
        # Names may hold any character, and files any bytes: printing never fails.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        return VERBS[given.verb].run(given)
    except InputError as error:
        print(f"strokejax: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (head, say) has gone; what is left must not be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"strokejax: {error}.", file=sys.stderr)
        return 2


def _warn(message, category, filename, lineno, file=None, line=None) -> None:
    print(f"strokejax: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="strokejax",
        description="Names what a hand draws. Train with: "
        "python -m strokejax.launch --config=configs/finetune.py",
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--model",
        metavar="PATH",
        help="folder of a model or a finished run, or a packaged one: nn-sampling, "
        "argmax, lines-en, lines-fr, fonts, swipe (default: the one for what is given, "
        "or your own copy of it, once you changed it)",
    )
    shared.add_argument(
        "--json",
        action="store_true",
        help="print JSON on stdout: one line (live: one an answer)",
    )
    for name, command in VERBS.items():
        added = verbs.add_parser(
            name,
            parents=[shared],
            help=command.TEXT.splitlines()[0].replace("%", "%%"),
            description=command.TEXT,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.options(added)
    return parser


if __name__ == "__main__":
    sys.exit(main())
