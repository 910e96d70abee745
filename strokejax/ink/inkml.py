"""Traces of W3C InkML (Recommendation of 20 September 2011), sections 3.1 to 3.3."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from strokejax.ink.limits import MAX_POINTS
from strokejax.types import InputError

MAX_DEPTH = 32
MAX_CHANNELS = 64
_SECONDS = {"": 1e-3, "ms": 1e-3, "s": 1.0, "us": 1e-6}
_PER_CM = {"1/cm": 1.0, "1/mm": 10.0, "1/m": 0.01, "1/in": 1 / 2.54}
"""Resolutions in each unit, as points per centimetre."""
_REFERENCES = ("contextRef", "traceFormatRef", "inkSourceRef")
_ID = "{http://www.w3.org/XML/1998/namespace}id"
_VALUE = re.compile(
    r"""\s*([!'"]?)\s*([+-]?)\s*
    (\#[0-9A-Fa-f]{1,16} | (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? | [TF*?])\s*""",
    re.VERBOSE | re.ASCII,
)
_ORDERS = {"!": 0, "'": 1, '"': 2}


class _Channel(NamedTuple):
    name: str
    scale: float
    """Factor of the values: -1 for a reversed axis, the unit of T in seconds."""


_Channels = tuple[_Channel, ...]
_DEFAULT: _Channels = (_Channel("X", 1.0), _Channel("Y", 1.0))


class _Document(NamedTuple):
    by_id: dict[str, Any]
    formats: dict[Any, _Channels | None]
    """The channels of each element; a cache, which also ends circular references."""


def parse_inkml(data: bytes, where: str) -> list[np.ndarray]:
    """The pen-down traces of a document as strokes f64[n, 3] of x, y, t (seconds).

    Values may be explicit (!), first (') or second (") differences. Channels come in
    the order of the trace's format; all but X, Y and T are ignored. A trace with
    `continuation` middle or end extends the stroke named by `priorRef`. Document types
    and entities are refused. InputError names the trace.
    """
    root = parse_xml(data, where, "ink")
    document = _Document({_id(e): e for e in root.iter() if _id(e)}, {})
    declared = (_format(e, document) for e in root.iter() if _tag(e) == "traceFormat")
    default = next(declared, None) or _DEFAULT
    strokes: list[list[np.ndarray]] = []
    stroke_of: dict[str, int] = {}
    for number, (trace, channels) in enumerate(
        _traces(root, document, default, where), 1
    ):
        if trace.get("type") == "penUp":
            continue
        points = _decode(trace.text or "", channels, f"{where}, trace {number}")
        if trace.get("continuation") in ("middle", "end"):
            prior = _target(trace, "priorRef")
            if prior not in stroke_of:
                raise InputError(
                    f"{where}, trace {number} continues the trace {prior[:40]!r}, "
                    f"which does not come before it; correct its priorRef."
                )
            stroke_of[_id(trace)] = stroke_of[prior]
            strokes[stroke_of[prior]].append(points)
        else:
            stroke_of[_id(trace)] = len(strokes)
            strokes.append([points])
    return [np.concatenate(pieces) for pieces in strokes]


# The document


def parse_xml(data: bytes, where: str, name: str) -> Any:
    """The root element, which must have this name; entities are refused."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(data, forbid_dtd=name == "ink")
    except DefusedXmlException as error:
        raise InputError(
            f"{where} declares a document type or entities, which are refused; remove "
            f"its <!DOCTYPE ...>."
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise InputError(
            f"{where} is not well-formed XML ({error}); export the ink again."
        ) from error
    if _tag(root) != name:
        raise InputError(
            f"{where} has the root element {_tag(root)[:40]!r}, not {name!r}; export "
            f"the ink again as InkML or SVG."
        )
    return root


def _traces(
    parent: Any, document: _Document, channels: _Channels, where: str, depth: int = 0
) -> Iterator[tuple[Any, _Channels]]:
    """Traces in document order, each with its channels."""
    if depth > MAX_DEPTH:
        raise InputError(
            f"{where} nests its trace groups deeper than {MAX_DEPTH}; flatten them."
        )
    for element in parent:
        tag = _tag(element)
        # A context applies to the traces that follow it, a group to those inside.
        if tag == "context":
            channels = _format(element, document) or channels
        elif tag == "trace":
            yield element, _format(element, document) or channels
        elif tag == "traceGroup":
            inner = _format(element, document) or channels
            yield from _traces(element, document, inner, where, depth + 1)


def _format(element: Any, document: _Document, depth: int = 0) -> _Channels | None:
    """The regular channels that a format, its parent or a reference to it declares."""
    if element in document.formats or depth > MAX_DEPTH:
        return document.formats.get(element)
    # Entered before the search: an element that refers to itself finds nothing.
    document.formats[element] = None
    if _tag(element) == "traceFormat":
        channels = tuple(_channel(e) for e in element if _tag(e) == "channel")
        document.formats[element] = channels or None
        return channels or None
    referenced = (document.by_id.get(_target(element, name)) for name in _REFERENCES)
    inside = (e for e in element if _tag(e) in ("traceFormat", "inkSource"))
    for source in (*inside, *referenced):
        if source is not None and _format(source, document, depth + 1):
            document.formats[element] = document.formats[source]
            break
    channels = document.formats[element]
    if channels and _tag(element) == "inkSource":
        document.formats[element] = _same_units(channels, element)
    return document.formats[element]


def _same_units(channels: _Channels, source: Any) -> _Channels:
    """The channels with y in the unit of x, by the device's resolutions."""
    resolution = {}
    for item in source.iter():
        if _tag(item) == "channelProperty" and item.get("name") == "resolution":
            try:
                per_unit = float(item.get("value") or "")
            except ValueError:
                continue
            per_cm = per_unit * _PER_CM.get(item.get("units") or "", 1.0)
            resolution[item.get("channel")] = per_cm
    x, y = resolution.get("X", 0.0), resolution.get("Y", 0.0)
    if not (0 < x < np.inf and 0 < y < np.inf):
        return channels
    return tuple(
        c._replace(scale=c.scale * x / y) if c.name == "Y" else c for c in channels
    )


def _channel(element: Any) -> _Channel:
    name = element.get("name") or ""
    sign = -1.0 if element.get("orientation") == "-ve" else 1.0
    if name == "T":
        # Times in an unknown unit stay unknown.
        return _Channel(name, _SECONDS.get(element.get("units") or "", np.nan))
    return _Channel(name, sign)


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _id(element: Any) -> str:
    return element.get(_ID) or element.get("id") or ""


def _target(element: Any, attribute: str) -> str:
    """The id that a reference such as "#a" or "file#a" names."""
    return (element.get(attribute) or "").rpartition("#")[2]


# The values of a trace


def _decode(text: str, channels: tuple[_Channel, ...], where: str) -> np.ndarray:
    """Points f64[n, 3] of a trace's text, without intermittent channels (after :)."""
    names = [channel.name for channel in channels]
    if "X" not in names or "Y" not in names:
        raise InputError(
            f"{where} has the channels {', '.join(names)[:80]!r}; X and Y are needed."
        )
    if len(channels) > MAX_CHANNELS:
        raise InputError(
            f"{where} has {len(channels)} channels, above the limit of {MAX_CHANNELS}; "
            f"export X, Y and T alone."
        )
    rows = text.split(",") if text.strip() else []
    if len(rows) > MAX_POINTS:
        raise InputError(
            f"{where} has {len(rows):,} points, above the limit of {MAX_POINTS:,}; "
            f"sample it less often."
        )
    decoders = [_Decoder() for _ in channels]
    values = np.full((len(rows), len(channels)), np.nan)
    for i, row in enumerate(rows):
        tokens = _tokens(row.partition(":")[0], f"{where}, point {i + 1}")
        if len(tokens) != len(channels):
            raise InputError(
                f"{where}, point {i + 1} has {len(tokens)} values for the "
                f"{len(channels)} channels {', '.join(names)[:80]!r}; separate points "
                f"by commas and declare every channel in a traceFormat."
            )
        for j, (prefix, number) in enumerate(tokens):
            values[i, j] = decoders[j].next(prefix, number)
    times = names.index("T") if "T" in names else None
    columns = [names.index("X"), names.index("Y")]
    points = np.full((len(rows), 3), np.nan)
    points[:, :2] = values[:, columns] * [channels[j].scale for j in columns]
    if times is not None:
        points[:, 2] = values[:, times] * channels[times].scale
    return points


def _tokens(text: str, where: str) -> list[tuple[str, float | None]]:
    """Prefixes and numbers of one point; None stands for "as before" (*)."""
    tokens: list[tuple[str, float | None]] = []
    text, position = " ".join(text.split()), 0  # runs of spaces would backtrack
    while position < len(text):
        match = _VALUE.match(text, position)
        if match is None:
            raise InputError(
                f"{where} reads {text.strip()[:40]!r}, which is not a list of numbers; "
                f"export the ink again."
            )
        prefix, sign, word = match.groups()
        constants = {"T": 1.0, "F": 0.0, "?": np.nan, "*": None}
        if word in constants:
            number = constants[word]
        else:
            # A word that starts with # is hexadecimal.
            number = float(int(word[1:], 16) if word[0] == "#" else word)
            number = -number if sign == "-" else number
        tokens.append((prefix, number))
        position = match.end()
    return tokens


class _Decoder:
    """Running state of one channel; a prefix stays in force until the next one."""

    def __init__(self) -> None:
        self.order = 0
        self.number = np.nan
        self.value = 0.0
        self.velocity = 0.0

    def next(self, prefix: str, number: float | None) -> float:
        self.order = _ORDERS.get(prefix, self.order)
        self.number = self.number if number is None else number
        before = self.value
        if self.order == 0:
            self.value = self.number
            self.velocity = self.value - before
        else:
            # First differences are the velocity itself; second ones are added to it.
            second = self.order == 2
            self.velocity = self.velocity * second + self.number
            self.value = before + self.velocity
        return self.value
