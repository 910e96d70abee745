"""Reads pictures of any format and mode as u8[h w], ink high, or u8[h w 3] colours."""

import base64
import io
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from strokejax.files import read_bytes
from strokejax.pictures.normalise import MIN_CONTRAST, normalise_image, normalise_images
from strokejax.types import InputError

__all__ = [
    "data_url",
    "decode_image",
    "decode_picture",
    "encode_picture",
    "normalise_image",
    "normalise_images",
    "read_image",
    "read_picture",
    "to_ink_image",
]

MAX_PIXELS = 50_000_000
MAX_BYTES = 64 * 2**20
REDUCED_SIDE = 1_024
"""Pixels: a picture whose shorter side is at least twice as long is reduced first."""
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "AVIF")
"""Decoders that neither run another program nor read another file."""
_EIGHT_BIT = ("L", "RGB", "RGBA")
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


# Files


def read_image(path: str | Path) -> np.ndarray:
    """A picture as u8[h, w], 0 = paper and 255 = full ink, upright.

    Any size and colour mode. Transparency is composed on white, the EXIF orientation is
    applied, and the border shows the paper (`to_ink_image`). InputError: the file is
    damaged, of another format, above 64 MiB or, by its header, above 50 megapixels.

    >>> import pathlib, tempfile, numpy as np, strokejax
    >>> from PIL import Image
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "bar.png"
    >>> page = np.full((40, 30), 255, np.uint8)
    >>> page[5:35, 14:16] = 0
    >>> Image.fromarray(page).save(path)
    >>> picture = strokejax.read_image(path)
    >>> picture.shape, int(picture[20, 15]), int(picture[0, 0])
    ((40, 30), 255, 0)
    """
    return decode_image(read_bytes(path, MAX_BYTES), str(path))


def decode_image(data: bytes, where: str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Like `read_image` for the bytes of a file; `where` names them in errors."""
    return _decode(data, where, max_pixels, _ink)


def read_picture(path: str | Path) -> np.ndarray:
    """A picture as u8[h, w, 3] in red, green and blue, upright.

    Limits and errors are those of `read_image`. If the package pi-heif is installed,
    HEIC files are read too.
    """
    return decode_picture(read_bytes(path, MAX_BYTES), str(path))


def decode_picture(data: bytes, where: str, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Like `read_picture` for the bytes of a file; `where` names them in errors."""
    return _decode(data, where, max_pixels, _rgb)


def encode_picture(picture: np.ndarray, optimize: bool = False) -> bytes:
    """u8[h w] or u8[h w 3] as the bytes of a PNG file; `optimize` takes longer."""
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG", optimize=optimize)
    return data.getvalue()


def data_url(png: bytes) -> str:
    """The bytes of a PNG file as a data URL, for HTML and JSON."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _decode(
    data: bytes, where: str, max_pixels: int, convert: Callable[[Any], np.ndarray]
) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        # Pillow warns of large pictures, but the limit here is checked before loading.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=_formats())
        _check_size(image.width, image.height, where, max_pixels)
        image.load()
        return _upright(convert(image), _orientation(image))
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{where} unpacks to more than the limit of {max_pixels:,} pixels; give a "
            f"smaller picture."
        ) from error
    except UnidentifiedImageError as error:
        raise InputError(
            f"{where} is not a picture that can be read; give one of "
            f"{', '.join(_formats())}."
        ) from error
    except Exception as error:
        # Decoders answer hostile bytes with errors of any kind.
        raise InputError(
            f"{where} is damaged ({type(error).__name__}: {str(error)[:80]}); save the "
            f"picture again."
        ) from error


@cache
def _formats() -> tuple[str, ...]:
    """Formats that can be read, with HEIF if its decoder is installed."""
    try:
        import pi_heif  # pyright: ignore[reportMissingImports]
    except ImportError:
        return FORMATS
    pi_heif.register_heif_opener()
    return (*FORMATS, "HEIF")


def _orientation(image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:
        # A damaged EXIF block does not make the picture unreadable.
        return 1


def _upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes the EXIF orientation 1 to 8 (Exif 2.3, tag 274)."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.ascontiguousarray(values)


# Arrays


def to_ink_image(array: np.ndarray, where: str = "The picture") -> np.ndarray:
    """Like `read_image` for an array [h, w] or [h, w, 1, 3 or 4], as u8[h, w].

    Values are bool, u8, u16 or floats from 0 to 1. The paper is the median of the
    border. Ink is darker than the paper, or lighter if the values reach further to that
    side, so an inverted picture gives the same result. InputError for other shapes and
    values.
    """
    from PIL import Image

    array = np.asarray(array)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise InputError(
            f"{where} is an array of shape {array.shape}; give [height, width] or "
            f"[height, width, 3 or 4 colours]."
        )
    _check_size(array.shape[1], array.shape[0], where)
    if array.dtype.kind == "f":
        # Written so that NaN, which compares false with everything, is refused.
        if not ((array >= 0) & (array <= 1)).all():
            raise InputError(
                f"{where} has floats outside of 0 to 1; divide them by their maximum."
            )
        array = np.rint(array * 255).astype(np.uint8)
    elif array.dtype == np.uint16:
        array = (array // 257).astype(np.uint8)
    elif array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.dtype != np.uint8:
        raise InputError(
            f"{where} has values of type {array.dtype}; give bool, uint8, uint16 or "
            f"floats from 0 to 1."
        )
    return _ink_high(_grey(Image.fromarray(np.ascontiguousarray(array))))


def _check_size(
    width: int, height: int, where: str, max_pixels: int = MAX_PIXELS
) -> None:
    if not width * height:
        raise InputError(f"{where} has no pixels ({width} x {height}); give a picture.")
    if width * height > max_pixels:
        raise InputError(
            f"{where} has {width:,} x {height:,} pixels, above the limit of "
            f"{max_pixels:,}; give a smaller picture."
        )


# Colour modes of Pillow images


def _grey(image):
    """The picture in 8-bit grey, its transparency composed on white paper."""
    from PIL import Image

    if image.mode in _DEEP:
        values = np.nan_to_num(np.asarray(image, np.float32))
        # Float pictures come in 0..1 or 0..255, integer ones in 16 bits.
        top = 1.0 if image.mode == "F" and values.max() <= 1 else 255.0
        top = top if image.mode == "F" else 65535.0
        values = np.clip(values * (255 / top), 0, 255)
        return Image.fromarray(np.rint(values).astype(np.uint8))
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    if not image.has_transparency_data:
        return (image if image.mode in ("1", "L") else image.convert("RGB")).convert(
            "L"
        )
    image = image.convert("RGBA")
    paper = Image.new("RGBA", image.size, "white")
    grey = Image.alpha_composite(paper, image).convert("L")
    # White ink on nothing would vanish on white paper; its opacity still shows it.
    flat = np.ptp(np.asarray(grey)) < MIN_CONTRAST
    return image.getchannel("A") if flat else grey


def _rgb(image) -> np.ndarray:
    """u8[h w 3] of the picture, its transparency composed on white paper."""
    from PIL import Image

    if image.mode in _DEEP or image.mode == "1":
        return np.asarray(_grey(image).convert("RGB"))
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB"))
    image = image.convert("RGBA")
    paper = Image.new("RGBA", image.size, "white")
    colours = np.asarray(Image.alpha_composite(paper, image).convert("RGB"))
    flat = np.ptp(colours, axis=(0, 1)).max() < MIN_CONTRAST
    return np.asarray(image.getchannel("A").convert("RGB")) if flat else colours


def _ink(image) -> np.ndarray:
    """u8[h w], ink high; large photographs are reduced first."""
    if (factor := min(image.size) // REDUCED_SIDE) > 1 and image.mode in _EIGHT_BIT:
        image = image.reduce(factor)
    return _ink_high(_grey(image))


def _ink_high(grey) -> np.ndarray:
    """u8[h w]: grey values mapped so that paper is 0 and full ink 255."""
    values = np.asarray(grey)
    band = max(1, min(values.shape) // 64)
    edges = (values[:band], values[-band:], values[:, :band], values[:, -band:])
    paper = float(np.median(np.concatenate([edge.ravel() for edge in edges])))
    # Extremes, but not of single pixels: 0.1 % of a photograph is dust and glare. If
    # nothing else differs from the paper, these few pixels are the ink: a dot.
    counts = np.array(grey.histogram(), np.int64)
    low = high = paper
    for outliers in (counts.sum() // 1000, 0):
        if low == high == paper:
            low = int(np.argmax(counts.cumsum() > outliers))
            high = 255 - int(np.argmax(counts[::-1].cumsum() > outliers))
    levels = np.arange(256.0)
    # A table of 256 levels, looked up once per pixel.
    if paper - low >= high - paper:
        ink = (paper - levels) * (255 / max(paper, 1))
    else:
        ink = (levels - paper) * (255 / max(255 - paper, 1))
    return np.rint(np.clip(ink, 0, 255)).astype(np.uint8)[values]
