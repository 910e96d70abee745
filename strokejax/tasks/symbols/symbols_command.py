"""strokejax symbols: what a model knows, and every change of it."""

import argparse
import json
import re
from typing import Any

TEXT = """\
List, rename, forget and share the symbols of a model; every change is a new version.

verbs:
  list                   name, own drawings, aliases of each
  show NAME [PNG]        the drawings behind a symbol, as a picture if a file is named
  rename NAME NEW        NAME is called NEW from now on
  alias NAME OTHER       OTHER means NAME too
  text NAME TEXT         NAME types TEXT from now on, instead of its name
  forget NAME [NUMBER]   the symbol, or one of its drawings (`show` numbers them)
  undo                   takes the last change back
  history                what made each version
  export FILE [NAME...]  drawings of registered symbols, all or some, in one file
  import FILE            registers the symbols of such a file
  upgrade                the packaged encoder for an older one, or that of --from MODEL:
                         your drawings are embedded and learned again
"""

ARGUMENTS = {
    "list": (0, 0),
    "show": (1, 2),
    "rename": (2, 2),
    "alias": (2, 2),
    "text": (2, 2),
    "forget": (1, 2),
    "undo": (0, 0),
    "history": (0, 0),
    "export": (1, 10_000),
    "import": (1, 1),
    "upgrade": (0, 0),
}
"""How many arguments each verb takes: least and most."""


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("what", metavar="VERB", choices=[*ARGUMENTS])
    parser.add_argument("names", nargs="*", metavar="ARGUMENT")
    parser.add_argument(
        "--force",
        action="store_true",
        help="import even if other symbols lose much by it, upgrade even if symbols "
        "without drawings are lost",
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="MODEL",
        help="upgrade to the encoder of another model than the packaged one",
    )


def run(given: argparse.Namespace) -> int:
    """Does one of the verbs and says what it did."""
    from strokejax.types import InputError

    least, most = ARGUMENTS[given.what]
    if not least <= len(given.names) <= most:
        wanted = f"{least}" if least == most else f"{least} or more"
        raise InputError(
            f"`strokejax symbols {given.what}` takes {wanted} arguments and "
            f"{len(given.names)} are given; see `strokejax symbols --help`."
        )
    if given.source is not None and given.what != "upgrade":
        raise InputError(
            f"--from is for `strokejax symbols upgrade`, not for {given.what!r}; leave "
            f"it out."
        )
    found, text = _VERBS[given.what](given)
    if given.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        print(text)
    return 0


def _list(given: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from strokejax.registration.registry import listing
    from strokejax.registration.upgrade import outdated

    found = listing(given.model)
    lines = [f"version {found['version']}, {len(found['symbols'])} symbols"]
    for each in found["symbols"]:
        aliases = f"  also {', '.join(each['aliases'])}" if each["aliases"] else ""
        n = each["samples"]
        count = f"{n} drawing{'s' * (n > 1)}" if n else "trained"
        count += f" and {each['variants']} variants" if "variants" in each else ""
        lines.append(f"  {each['name']:<12} {count}{aliases}")
    if outdated(given.model):
        found["outdated"] = True
        lines.append(
            "The packaged encoder is newer than this model's; `strokejax symbols "
            "upgrade` embeds your drawings with it."
        )
    return found, "\n".join(lines)


def _show(given: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from strokejax.registration.registry import drawings
    from strokejax.report.contact_sheet import save_sheet

    name, *file = given.names
    found = drawings(given.model, name)
    rows = [
        {"number": i, "source": sample.source, "hash": sample.digest}
        for i, (sample, _) in enumerate(found)
    ]
    text = "\n".join(f"  {r['number']:>3}  {r['source'] or '-'}" for r in rows)
    if file:
        save_sheet(file[0], [drawing for _, drawing in found])
        text += f"\n{file[0]}"
    return {"symbol": name, "drawings": rows}, text or "no drawings of its own"


def _rename(given: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from strokejax.registration.registry import rename

    old, new = given.names
    version = rename(given.model, old, new)
    return _changed(version, f"{old!r} is called {new!r}.", symbol=new)


def _alias(given: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from strokejax.registration.registry import alias

    name, other = given.names
    version = alias(given.model, name, other)
    return _changed(version, f"{other!r} means {name!r}.", symbol=name)


def _text(given: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from strokejax.registration.registry import set_text

    name, text = given.names
    version = set_text(given.model, name, text)
    return _changed(version, f"{name!r} types {text!r}.", symbol=name)


def _forget(given: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from strokejax.registration.registry import forget, forget_sample
    from strokejax.types import InputError

    name, *number = given.names
    if not number:
        version = forget(given.model, name)
        return _changed(version, f"{name!r} is forgotten.", symbol=name)
    if not re.fullmatch("[0-9]{1,9}", number[0]):
        raise InputError(
            f"{number[0]!r} is no number of a drawing; `strokejax symbols show "
            f"{name}` lists them from 0."
        )
    version = forget_sample(given.model, name, int(number[0]))
    return _changed(
        version, f"Drawing {number[0]} of {name!r} is forgotten.", symbol=name
    )


def _undo(given: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from strokejax.store.versions import undo

    version, change = undo(given.model)
    found = {"version": version, "undone": change}
    return found, f"Version {version}: {_told(change)} is undone."


def _history(given: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from strokejax.store.versions import history

    found = history(given.model)
    lines = [f"{e['version']:>6}  {e.get('made', ''):<20}  {_told(e)}" for e in found]
    return {"history": found}, "\n".join(lines)


def _export(given: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from strokejax.registration.exchange import export_symbols

    file, *names = given.names
    found = export_symbols(given.model, file, names)
    told = ", ".join(f"{name!r} ({count})" for name, count in found.items())
    return {"file": file, "symbols": found}, f"{file}: {told}"


def _import(given: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from strokejax.registration.exchange import import_symbols

    found = import_symbols(given.model, given.names[0], force=given.force)
    told = [f"{each['symbol']!r} ({each['samples']})" for each in found["symbols"]]
    names = ", ".join(told) or "nothing that was not there"
    return found, f"Version {found['version']}: {names}"


def _upgrade(given: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from strokejax.registration.upgrade import upgrade

    found = upgrade(given.model, given.source, force=given.force)
    before, after = (
        f"{each['architecture']} {each['file'][8:16]} of {each['made'][:10] or '?'}"
        for each in (found["before"], found["after"])
    )
    if not found["changed"]:
        return found, f"Nothing to upgrade: the encoder is {after} already."
    lines = [f"Version {found['version']}: the encoder is {after}, it was {before}."]
    if found["symbols"]:
        lines.append("  of further drawings mistaken, before and after:")
    for each in found["symbols"]:
        rates = f"{100 * each['before']:3.0f} %  {100 * each['after']:3.0f} %"
        lines.append(f"  {each['symbol']:<12} {rates}")
    for name in found["left_out"]:
        lines.append(f"  {name!r} of the newer model stays behind.")
    return found, "\n".join(lines)


def _changed(version: int, text: str, **more: Any) -> tuple[dict[str, Any], str]:
    return {"version": version} | more, f"Version {version}: {text}"


def _told(change: dict[str, Any]) -> str:
    if "error" in change:
        return change["error"]
    if "of" in change:
        return f"undo of {_told(change['of'])}"
    to = f" as {change['to']!r}" if "to" in change else ""
    n = change.get("samples")
    count = "" if n is None else f" ({n} drawing{'s' * (n != 1)})"
    name = f" {change['symbol']!r}" if "symbol" in change else ""
    return f"{change.get('verb', '?')}{name}{to}{count}"


_VERBS = {
    "list": _list,
    "show": _show,
    "rename": _rename,
    "alias": _alias,
    "text": _text,
    "forget": _forget,
    "undo": _undo,
    "history": _history,
    "export": _export,
    "import": _import,
    "upgrade": _upgrade,
}
