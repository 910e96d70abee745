"""A picture of text in, its fonts out, each drawn in itself: /api/fonts."""

import hashlib
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

from strokejax.files import save_file
from strokejax.pictures.images import decode_picture, encode_picture
from strokejax.serve.messages import Body, Failure
from strokejax.serve.studio import Studio, current
from strokejax.store.paths import FONTS, home, resolve
from strokejax.tasks.fonts.typeset import Setting, typeset
from strokejax.tasks.symbols.pages.predict import MAX_PIXELS
from strokejax.types import InputError

# What requests about fonts say, and how answers are shown in the OpenAPI schema.


MAX_FONTS = 20
Pixel = Annotated[
    int | None,
    Field(ge=0, le=MAX_PIXELS, description="of a crop, in the picture's pixels"),
]


class FontQuestion(Body):
    """What is asked of a picture of text."""

    k: int = Field(5, ge=1, le=MAX_FONTS, description="how many fonts to name")
    x0: Pixel = None
    y0: Pixel = None
    x1: Pixel = None
    y1: Pixel = None
    keep: bool = Field(False, description="whether this computer keeps the picture")


class FontIndex(BaseModel):
    """What fonts can be named."""

    fonts: int
    """Of the index, known by their files."""
    trained: int
    """That the network was trained on, for its classifier."""
    folder: str
    """Where pictures are kept of which a request says so."""
    reason: str
    """Why no font can be named; "" where some can."""


class FontAnswer(BaseModel):
    """The nearest fonts of the index, best first."""

    symbols: list[str]
    dist2: list[float]
    probability: list[float]
    unknown: bool
    reason: str


class FontRegion(FontAnswer):
    """A line of text, and its own nearest fonts."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in the picture's pixels."""


class Classified(BaseModel):
    """One of the fonts that the network was trained on."""

    symbol: str
    probability: float


class FontsFound(FontAnswer):
    """What a picture of text is set in."""

    regions: list[FontRegion]
    classifier: list[Classified]
    drawable: list[str]
    """Of all these fonts those that `/api/fonts/drawing` draws."""
    width: int
    height: int
    kept: str | None
    """The file in which the picture is kept; null where it is not."""


# Pictures that people let this computer keep.


MOST, MAX_BYTES = 200, 8 << 20
"""Kept pictures, and bytes of one."""
ENDINGS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
    "image/tiff": ".tiff",
    "image/avif": ".avif",
}
"""Of files by the content type; others get none."""


def folder() -> Path:
    """Where pictures of text are kept."""
    return home() / "font-pictures"


def keep(picture: bytes, kind: str) -> Path:
    """Writes a picture's bytes to a file that is named by their hash; its path.

    What is there already stays as it is. InputError where the picture or the folder is
    full, or nothing can be written.
    """
    if len(picture) > MAX_BYTES:
        raise InputError(
            f"The picture has {len(picture):,} bytes, and at most {MAX_BYTES:,} are "
            f"kept; give a smaller one, or do not keep it."
        )
    place = folder()
    there = [p for p in place.iterdir() if p.name[0] != "."] if place.is_dir() else []
    digest = hashlib.sha256(picture).hexdigest()
    for path in there:
        if path.stem == digest:
            return path
    if len(there) >= MOST:
        raise InputError(
            f"{place} holds {len(there)} files, and at most {MOST} pictures are kept; "
            f"move some away, or do not keep this one."
        )
    path = place / f"{digest}{ENDINGS.get(kind, '')}"
    save_file(path, picture)
    return path


WAITING = 8
"""Pictures that wait for their fonts."""
EM = 56
"""Pixels of drawn text: pages show it at half of that, sharp on fine screens."""
MAX_TEXT, MAX_NAME = 80, 170
"""Characters of drawn text, and of a font's name."""
FILE = {"schema": {"type": "string", "format": "binary"}}
BODY = {"required": True, "content": {"image/png": FILE, "image/jpeg": FILE}}
DRAWING = {
    200: {"content": {"image/png": FILE}, "description": "Black on white"},
    404: {"model": Failure},
}
router = APIRouter()


class Fonts:
    """Names the fonts of one picture after another; all snapshots are the finder's.

    It is loaded when it is first asked for, and anew once the index has changed.
    """

    def __init__(self, studio: Studio):
        self._studio = studio
        self._waiting = 0
        self._loading = Lock()
        self._finder: Any = None
        self._version = b""

    async def index(self) -> FontIndex:
        """What fonts can be named; the event loop goes on."""
        return await self._studio.read(self._index)

    async def identify(self, body: bytes, kind: str, asked: FontQuestion) -> FontsFound:
        """The fonts of a picture's bytes; the event loop goes on."""
        if self._waiting >= WAITING:
            raise HTTPException(
                429, f"{WAITING} pictures wait for their fonts; ask again later"
            )
        self._waiting += 1
        try:
            return await self._studio.line(self._identify, body, kind, asked)
        finally:
            self._waiting -= 1

    async def draw(self, name: str, text: str) -> bytes:
        """A PNG of a text in a font of the index; the event loop goes on."""
        return await self._studio.read(self._draw, name, text)

    def _index(self) -> FontIndex:
        place = str(folder())
        try:
            finder = self._loaded()
        except InputError as error:
            return FontIndex(fonts=0, trained=0, folder=place, reason=str(error))
        known = [name for name in finder.names if finder.file_of(name)]
        trained = len(finder.trained)
        return FontIndex(fonts=len(known), trained=trained, folder=place, reason="")

    def _identify(self, body: bytes, kind: str, asked: FontQuestion) -> FontsFound:
        picture = decode_picture(body, "The picture", MAX_PIXELS)
        height, width = picture.shape[:2]
        x0, y0, x1, y1 = _crop(asked, width, height)
        finder = self._loaded()
        file = str(keep(body, kind)) if asked.keep else None
        found = finder.identify(picture[y0:y1, x0:x1], asked.k)
        return _shown(finder, found, asked.k, (x0, y0), (width, height), file)

    def _draw(self, name: str, text: str) -> bytes:
        face = self._loaded().file_of(name)
        if face is None:
            raise HTTPException(404, f"there is no font {name[:60]!r} in the index")
        shown = "".join(c if c.isprintable() else " " for c in text or name)[:MAX_TEXT]
        try:
            cover = typeset(face["file"], face["index"], [shown], Setting(EM))
        except OSError:
            raise HTTPException(
                404, f"the file of the font {name[:60]!r} is gone, index fonts again"
            ) from None
        except InputError as error:
            raise InputError(
                f"The font {name[:60]!r} cannot draw {shown[:20]!r}; give letters and "
                f"digits."
            ) from error
        return encode_picture(255 - cover)

    def _loaded(self) -> Any:
        """The finder of the index as it is now; several threads may ask."""
        with self._loading:
            version = current(None, FONTS)
            if self._finder is None or version != self._version:
                if not resolve(None, FONTS).is_dir():
                    raise InputError(
                        f"This installation has no model {FONTS} to name fonts by; "
                        f"install a newer strokejax."
                    )
                # Heavy, and of no use to who draws single symbols.
                from strokejax.tasks.fonts.answers import load_finder

                self._finder, self._version = load_finder(), version
            return self._finder


@router.get("/api/fonts")
async def index(request: Request) -> FontIndex:
    """How many fonts can be named."""
    fonts: Fonts = request.app.state.fonts
    return await fonts.index()


@router.post("/api/fonts", openapi_extra={"requestBody": BODY})
async def identify(
    request: Request, asked: Annotated[FontQuestion, Query()]
) -> FontsFound:
    """The nearest fonts of a picture's bytes or of a crop: of all lines, and of each.

    Places are pixels of the whole picture, which is kept only where `keep` says so.
    """
    fonts: Fonts = request.app.state.fonts
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return await fonts.identify(await request.body(), kind, asked)


@router.get("/api/fonts/drawing", response_class=Response, responses={**DRAWING})
async def drawing(
    request: Request,
    name: Annotated[str, Query(min_length=1, max_length=MAX_NAME)],
    text: Annotated[str, Query(max_length=MAX_TEXT)] = "",
) -> Response:
    """A text, or a font's name, drawn in that font of the index."""
    fonts: Fonts = request.app.state.fonts
    return Response(await fonts.draw(name, text), 200, None, "image/png")


def _crop(asked: FontQuestion, width: int, height: int) -> tuple[int, int, int, int]:
    """What is asked of a picture: x0, y0, x1, y1."""
    given = asked.x0, asked.y0, asked.x1, asked.y1
    if given == (None,) * 4:
        return 0, 0, width, height
    if None in given:
        raise InputError("A crop has x0, y0, x1 and y1; give all four, or none.")
    x0, y0, x1, y1 = (int(each or 0) for each in given)
    if not (x0 < x1 <= width and y0 < y1 <= height):
        raise InputError(
            f"The crop from ({x0}, {y0}) to ({x1}, {y1}) is no part of a picture of "
            f"{width} x {height} pixels; give its left, top, right and bottom."
        )
    return x0, y0, x1, y1


def _shown(
    finder: Any,
    found: Any,
    k: int,
    origin: tuple[int, int],
    size: tuple[int, int],
    file: str | None,
) -> FontsFound:
    """An answer about a crop at `origin` of a picture of a `size`."""
    from strokejax.tasks.fonts.answers import as_json

    x, y = origin
    moved = [
        region._replace(box=(x + box[0], y + box[1], x + box[2], y + box[3]))
        for region in found.regions
        for box in [region.box]
    ]
    likely = finder.classified(found.z, k)
    named = {*found.answer.symbols, *(name for name, _ in likely)}
    named = named.union(*(region.answer.symbols for region in moved))
    return FontsFound(
        **as_json(found._replace(regions=tuple(moved))),
        classifier=[Classified(symbol=n, probability=p) for n, p in likely],
        drawable=sorted(name for name in named if _is_there(finder.file_of(name))),
        width=size[0],
        height=size[1],
        kept=file,
    )


def _is_there(face: Any) -> bool:
    return face is not None and Path(face["file"]).is_file()
