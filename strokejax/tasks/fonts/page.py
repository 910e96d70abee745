"""Fonts over HTTP: a picture of text in, its nearest fonts out; /api/fonts."""

import hashlib
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from strokejax.files import save_file
from strokejax.pictures.images import decode_picture, encode_picture
from strokejax.serve.guard import RequestRefused
from strokejax.serve.messages import FILE, MAX_PIXELS, Body, Failure
from strokejax.serve.studio import BoundedQueue, Served, Studio, fingerprint
from strokejax.store.paths import home, resolve
from strokejax.tasks.fonts.settings import FONTS
from strokejax.tasks.fonts.typeset import TextStyle, typeset
from strokejax.types import InputError

STATIC = Path(__file__).parent / "static"
TABS = (("fonts", "Fonts", "fonts.js"),)
MAX_WAITING = 8
"""Maximum number of pictures that wait for their answers."""
MAX_FONTS = 20
"""Maximum number of fonts in an answer."""
EM = 56
"""Pixels of the em of drawn text. The page shows it at half this size, which keeps it
sharp on screens of high density."""
MAX_TEXT, MAX_NAME = 80, 170
"""Characters of drawn text and of a font's name."""
MAX_PICTURES, MAX_BYTES = 200, 8 << 20
"""Limits of saved pictures: their number, and the bytes of each."""
SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/bmp": ".bmp",
    "image/tiff": ".tiff",
    "image/avif": ".avif",
}
"""File suffix of a saved picture by its content type; other types get none."""

# Requests and answers, as the OpenAPI schema shows them.

Pixel = Annotated[
    int | None,
    Field(ge=0, le=MAX_PIXELS, description="side of a crop, in the picture's pixels"),
]


class FontQuery(Body):
    """The options of a request to identify fonts."""

    k: int = Field(5, ge=1, le=MAX_FONTS, description="number of fonts to name")
    x0: Pixel = None
    y0: Pixel = None
    x1: Pixel = None
    y1: Pixel = None
    keep: bool = Field(False, description="whether this computer saves the picture")


class FontIndex(BaseModel):
    """The fonts that can be named."""

    fonts: int
    """Number of fonts that were indexed from their files."""
    trained: int
    """Number of fonts that the classifier was trained on."""
    folder: str
    """The folder of saved pictures."""
    reason: str
    """Why no font can be named; "" if some can."""


class FontAnswer(BaseModel):
    """The nearest fonts of the index, best first."""

    symbols: list[str]
    dist2: list[float]
    probability: list[float]
    unknown: bool
    reason: str


class FontRegion(FontAnswer):
    """A line of text and its nearest fonts."""

    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in the picture's pixels."""


class ClassifierAnswer(BaseModel):
    """One of the fonts that the network was trained on."""

    symbol: str
    probability: float


class FontPictureAnswer(FontAnswer):
    """The nearest fonts of a picture, as a whole and line by line."""

    regions: list[FontRegion]
    classifier: list[ClassifierAnswer]
    drawable: list[str]
    """Those of the named fonts that `/api/fonts/drawing` can draw."""
    width: int
    height: int
    saved_file: str | None = Field(serialization_alias="kept")
    """The file that the picture was saved to; null if it was not saved."""


BODY = {"required": True, "content": {"image/png": FILE, "image/jpeg": FILE}}
DRAWING = {
    200: {"content": {"image/png": FILE}, "description": "Black on white"},
    404: {"model": Failure},
}

# Pictures that people allow this computer to save.


def picture_folder() -> Path:
    """The folder of saved pictures of text."""
    return home() / "font-pictures"


def save_picture(picture: bytes, content_type: str) -> Path:
    """Saves a picture's bytes in a file named by their hash; returns its path.

    A picture that is there already stays as it is. InputError if the picture is too
    large, the folder is full, or nothing can be written.
    """
    if len(picture) > MAX_BYTES:
        raise InputError(
            f"The picture has {len(picture):,} bytes, above the limit of "
            f"{MAX_BYTES:,} for saved pictures; give a smaller one, or do not keep it."
        )
    folder = picture_folder()
    files = [p for p in folder.iterdir() if p.name[0] != "."] if folder.is_dir() else []
    digest = hashlib.sha256(picture).hexdigest()
    for file in files:
        if file.stem == digest:
            return file
    if len(files) >= MAX_PICTURES:
        raise InputError(
            f"{folder} holds {len(files)} files, and at most {MAX_PICTURES} pictures "
            f"are saved; move some away, or do not keep this one."
        )
    path = folder / f"{digest}{SUFFIXES.get(content_type, '')}"
    save_file(path, picture)
    return path


# The service: one finder, shared by all requests.


class Fonts:
    """Names the fonts of one picture after another, from the current index.

    The finder is loaded by the first request, and again after the index has changed.
    """

    def __init__(self, studio: Studio):
        self.queue = BoundedQueue(studio, MAX_WAITING, "pictures")
        self._loading = Lock()
        self._finder: Any = None
        self._fingerprint = b""

    def index(self) -> FontIndex:
        """The fonts that can be named."""
        folder = str(picture_folder())
        try:
            finder = self._load()
        except InputError as error:
            return FontIndex(fonts=0, trained=0, folder=folder, reason=str(error))
        indexed = [name for name in finder.names if finder.file_of(name)]
        trained = len(finder.trained)
        return FontIndex(fonts=len(indexed), trained=trained, folder=folder, reason="")

    def identify(
        self, body: bytes, content_type: str, query: FontQuery
    ) -> FontPictureAnswer:
        """The fonts of a picture's bytes."""
        picture = decode_picture(body, "The picture", MAX_PIXELS)
        height, width = picture.shape[:2]
        x0, y0, x1, y1 = _crop(query, width, height)
        finder = self._load()
        # Saved first, so that a picture in which no text is found is saved as well.
        file = str(save_picture(body, content_type)) if query.keep else None
        identification = finder.identify(picture[y0:y1, x0:x1], query.k)
        return _answer(finder, identification, query.k, (x0, y0), (width, height), file)

    def draw(self, name: str, text: str) -> bytes:
        """A PNG of a text in an indexed font."""
        face = self._load().file_of(name)
        if face is None:
            raise RequestRefused(
                404, f"There is no font {name[:60]!r} in the index; choose another."
            )
        text = "".join(c if c.isprintable() else " " for c in text or name)[:MAX_TEXT]
        try:
            coverage = typeset(face["file"], face["index"], [text], TextStyle(EM))
        except OSError:
            raise RequestRefused(
                404, f"The file of the font {name[:60]!r} is gone; index fonts again."
            ) from None
        except InputError as error:
            raise InputError(
                f"The font {name[:60]!r} cannot draw {text[:20]!r}; give letters and "
                f"digits."
            ) from error
        return encode_picture(255 - coverage)

    def _load(self) -> Any:
        """The finder of the current index, loaded by the first thread that needs it."""
        with self._loading:
            stored = fingerprint(None, FONTS)
            if self._finder is None or stored != self._fingerprint:
                if not resolve(None, FONTS).is_dir():
                    raise InputError(
                        f"This installation has no model {FONTS} to name fonts "
                        f"with; install a newer strokejax."
                    )
                # Imported late: symbol pages do not need it.
                from strokejax.tasks.fonts.answers import load_finder

                self._finder, self._fingerprint = load_finder(), stored
            return self._finder


def _crop(query: FontQuery, width: int, height: int) -> tuple[int, int, int, int]:
    """The crop x0, y0, x1, y1 of a picture; all of it without coordinates."""
    sides = query.x0, query.y0, query.x1, query.y1
    if sides == (None,) * 4:
        return 0, 0, width, height
    if None in sides:
        raise InputError("A crop has x0, y0, x1 and y1; give all four, or none.")
    x0, y0, x1, y1 = (int(side or 0) for side in sides)
    if not (x0 < x1 <= width and y0 < y1 <= height):
        raise InputError(
            f"The crop from ({x0}, {y0}) to ({x1}, {y1}) is empty or not inside a "
            f"picture of {width} x {height} pixels; give its left, top, right and "
            f"bottom."
        )
    return x0, y0, x1, y1


def _answer(
    finder: Any,
    identification: Any,
    k: int,
    origin: tuple[int, int],
    size: tuple[int, int],
    file: str | None,
) -> FontPictureAnswer:
    """The answer about a crop at x, y `origin` of a picture of width, height `size`."""
    from strokejax.tasks.fonts.answers import as_json

    x, y = origin
    regions = [
        region._replace(box=(x + x0, y + y0, x + x1, y + y1))
        for region in identification.regions
        for x0, y0, x1, y1 in [region.box]
    ]
    classifier = finder.classify(identification.z, k)
    names = {*identification.answer.symbols, *(name for name, _ in classifier)}
    names = names.union(*(region.answer.symbols for region in regions))
    return FontPictureAnswer(
        **as_json(identification._replace(regions=tuple(regions))),
        classifier=[ClassifierAnswer(symbol=n, probability=p) for n, p in classifier],
        drawable=sorted(name for name in names if _has_file(finder.file_of(name))),
        width=size[0],
        height=size[1],
        saved_file=file,
    )


def _has_file(face: Any) -> bool:
    return face is not None and Path(face["file"]).is_file()


# Routes.

router = APIRouter()
routers = (router,)


def attach(state: Any, studio: Studio) -> None:
    """Adds the service that the routes use to the application's state."""
    state.fonts = Fonts(studio)


@router.get("/api/fonts")
async def index(request: Request, studio: Served) -> FontIndex:
    """The number of fonts that can be named."""
    fonts: Fonts = request.app.state.fonts
    return await studio.run_large(fonts.index)


@router.post("/api/fonts", openapi_extra={"requestBody": BODY})
async def identify(
    request: Request, query: Annotated[FontQuery, Query()]
) -> FontPictureAnswer:
    """The nearest fonts of a picture or a crop of it, as a whole and line by line.

    Boxes are in pixels of the whole picture. It is saved only if `keep` is true.
    """
    fonts: Fonts = request.app.state.fonts
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    body = await request.body()
    return await fonts.queue.run(fonts.identify, body, content_type, query)


@router.get("/api/fonts/drawing", response_class=Response, responses={**DRAWING})
async def drawing(
    request: Request,
    studio: Served,
    name: Annotated[str, Query(min_length=1, max_length=MAX_NAME)],
    text: Annotated[str, Query(max_length=MAX_TEXT)] = "",
) -> Response:
    """A text, or the font's name, drawn in a font of the index."""
    fonts: Fonts = request.app.state.fonts
    png = await studio.run_large(fonts.draw, name, text)
    return Response(png, 200, None, "image/png")
