"""strokejax symbols: list, edit, share and upgrade the symbols of a stored model."""

import argparse
import json
import re
from collections.abc import Callable
from typing import Any

from strokejax.arguments import Verb

TEXT = "List, rename, forget and share the symbols of a model; each change is undoable."
FORCE = "import even if other symbols lose much accuracy"

Result = tuple[dict[str, Any], str]
"""What --json prints, and the text that people read."""

# Reading a model.


def _list(args: argparse.Namespace) -> Result:
    from strokejax.registration.registry import listing
    from strokejax.registration.upgrade import outdated

    line = listing(args.model)
    rows = [f"version {line['version']}, {len(line['symbols'])} symbols"]
    for symbol in line["symbols"]:
        aliases = f"  also {', '.join(symbol['aliases'])}" if symbol["aliases"] else ""
        n = symbol["samples"]
        count = f"{n} drawing{'s' * (n > 1)}" if n else "trained"
        if "variants" in symbol:
            count += f" and {symbol['variants']} variants"
        rows.append(f"  {symbol['name']:<12} {count}{aliases}")
    if outdated(args.model):
        line["outdated"] = True
        rows.append(
            "The packaged encoder is newer than this model's; `strokejax symbols "
            "upgrade` embeds your drawings with it."
        )
    return line, "\n".join(rows)


def _show(args: argparse.Namespace) -> Result:
    from strokejax.registration.registry import drawings
    from strokejax.report.contact_sheet import save_sheet

    name, file = args.name, args.png
    samples = drawings(args.model, name)
    rows = [
        {"number": i, "source": sample.source, "hash": sample.digest}
        for i, (sample, _) in enumerate(samples)
    ]
    text = "\n".join(f"  {r['number']:>3}  {r['source'] or '-'}" for r in rows)
    if file:
        save_sheet(file, [drawing for _, drawing in samples])
        text += f"\n{file}"
    return {"symbol": name, "drawings": rows}, text or "no drawings of its own"


def _history(args: argparse.Namespace) -> Result:
    from strokejax.store.versions import history

    changes = history(args.model)
    lines = [
        f"{change['version']:>6}  {change.get('made', ''):<20}  {_describe(change)}"
        for change in changes
    ]
    return {"history": changes}, "\n".join(lines)


def _describe(change: dict[str, Any]) -> str:
    """A change of the history in words: "rename 'heart' as 'love'"."""
    if "error" in change:
        return change["error"]
    if "of" in change:
        return f"undo of {_describe(change['of'])}"
    to = f" as {change['to']!r}" if "to" in change else ""
    n = change.get("samples")
    count = "" if n is None else f" ({n} drawing{'s' * (n != 1)})"
    name = f" {change['symbol']!r}" if "symbol" in change else ""
    return f"{change.get('verb', '?')}{name}{to}{count}"


# Names and texts of symbols.


def _rename(args: argparse.Namespace) -> Result:
    from strokejax.registration.registry import rename

    old, new = args.name, args.new
    version = rename(args.model, old, new)
    return _changed(version, f"{old!r} is now called {new!r}.", symbol=new)


def _alias(args: argparse.Namespace) -> Result:
    from strokejax.registration.registry import alias

    name, other = args.name, args.other
    version = alias(args.model, name, other)
    return _changed(version, f"{other!r} means {name!r}.", symbol=name)


def _text(args: argparse.Namespace) -> Result:
    from strokejax.registration.registry import set_text

    name, text = args.name, args.text
    version = set_text(args.model, name, text)
    return _changed(version, f"{name!r} types {text!r}.", symbol=name)


# Symbols and drawings that come and go.


def _forget(args: argparse.Namespace) -> Result:
    from strokejax.registration.registry import forget, forget_sample
    from strokejax.types import InputError

    name, number = args.name, args.number
    # An absent number is the whole symbol.
    if number is None:
        version = forget(args.model, name)
        return _changed(version, f"{name!r} is forgotten.", symbol=name)
    # Unlike str.isdigit, the pattern refuses superscripts and endless numbers.
    if not re.fullmatch("[0-9]{1,9}", number):
        raise InputError(
            f"{number!r} is not the number of a drawing; `strokejax symbols show "
            f"{name}` lists them from 0."
        )
    version = forget_sample(args.model, name, int(number))
    return _changed(version, f"Drawing {number} of {name!r} is forgotten.", symbol=name)


def _undo(args: argparse.Namespace) -> Result:
    from strokejax.store.versions import undo

    version, change = undo(args.model)
    line = {"version": version, "undone": change}
    return line, f"Version {version}: {_describe(change)} is undone."


def _export(args: argparse.Namespace) -> Result:
    from strokejax.registration.exchange import export_symbols

    counts = export_symbols(args.model, args.file, args.names)
    symbols = ", ".join(f"{name!r} ({count})" for name, count in counts.items())
    return {"file": args.file, "symbols": counts}, f"{args.file}: {symbols}"


def _import(args: argparse.Namespace) -> Result:
    from strokejax.registration.exchange import import_symbols

    line = import_symbols(args.model, args.file, force=args.force)
    rows = [f"{row['symbol']!r} ({row['samples']})" for row in line["symbols"]]
    names = ", ".join(rows) or "nothing new"
    return line, f"Version {line['version']}: {names}"


def _upgrade(args: argparse.Namespace) -> Result:
    from strokejax.registration.upgrade import upgrade

    line = upgrade(args.model, args.source, force=args.force)
    # The file is encoder-<sha256>: eight of its digits tell encoders apart.
    before, after = (
        f"{encoder['architecture']} {encoder['file'][8:16]} of "
        f"{encoder['made'][:10] or '?'}"
        for encoder in (line["before"], line["after"])
    )
    if not line["changed"]:
        return line, f"Nothing to upgrade: the encoder is {after} already."
    rows = [f"Version {line['version']}: the encoder is {after}, it was {before}."]
    if line["symbols"]:
        rows.append("  expected share of further drawings mistaken, before and after:")
    for symbol in line["symbols"]:
        rates = f"{100 * symbol['before']:3.0f} %  {100 * symbol['after']:3.0f} %"
        rows.append(f"  {symbol['symbol']:<12} {rates}")
    for name in line["left_out"]:
        rows.append(f"  {name!r} of the newer model is not taken over.")
    return line, "\n".join(rows)


def _changed(version: int, text: str, **fields: Any) -> Result:
    return {"version": version} | fields, f"Version {version}: {text}"


# Options and verbs.


def _names(*names: str) -> Callable[[argparse.ArgumentParser], None]:
    """Positional arguments of a verb; "[NAME]" is optional."""

    def options(parser: argparse.ArgumentParser) -> None:
        for name in names:
            metavar = name.strip("[].")
            nargs = "*" if "..." in name else "?" if "[" in name else None
            parser.add_argument(metavar.lower(), metavar=metavar, nargs=nargs)

    return options


def _export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("names", metavar="NAME", nargs="*")


def _import_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--force", action="store_true", help=FORCE)


def _upgrade_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="source",
        metavar="MODEL",
        help="take the encoder of this model instead of the packaged one",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="upgrade even if symbols without drawings of their own are lost",
    )


def _verb(
    name: str,
    about: str,
    options: Callable[[argparse.ArgumentParser], None],
    work: Callable[[argparse.Namespace], Result],
) -> Verb:
    def run(args: argparse.Namespace) -> int:
        line, text = work(args)
        print(json.dumps(line, ensure_ascii=False) if args.json else text)
        return 0

    return Verb(name, about, options, run)


VERBS = (
    Verb(
        "symbols",
        TEXT,
        verbs=(
            _verb(
                "list",
                "List every symbol with its drawings and aliases.",
                _names(),
                _list,
            ),
            _verb(
                "show",
                "List a symbol's drawings; with PNG, draw them into that file.",
                _names("NAME", "[PNG]"),
                _show,
            ),
            _verb("rename", "Rename a symbol.", _names("NAME", "NEW"), _rename),
            _verb(
                "alias",
                "Give a symbol a second name.",
                _names("NAME", "OTHER"),
                _alias,
            ),
            _verb(
                "text",
                "Let a symbol type a text instead of its name.",
                _names("NAME", "TEXT"),
                _text,
            ),
            _verb(
                "forget",
                "Forget a symbol, or one of its drawings (`show` numbers them).",
                _names("NAME", "[NUMBER]"),
                _forget,
            ),
            _verb("undo", "Undo the last change.", _names(), _undo),
            _verb(
                "history", "List the change behind each version.", _names(), _history
            ),
            _verb(
                "export",
                "Write drawings of registered symbols, all or some, to one file.",
                _export_options,
                _export,
            ),
            _verb(
                "import",
                "Register the symbols of an exported file.",
                _import_options,
                _import,
            ),
            _verb(
                "upgrade",
                "Replace the encoder by the packaged one, or by that of --from MODEL: "
                "your drawings are embedded and learned again.",
                _upgrade_options,
                _upgrade,
            ),
        ),
    ),
)
