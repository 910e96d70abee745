"""Centres and scales the ink of a picture as the rasteriser places strokes."""

import numpy as np

from strokejax.types import InputError

MIN_CONTRAST = 12
"""Of 255: a smaller difference from the paper is texture."""
_WORKING_SIZE = 256


# Placing ink in a frame of fixed size


def normalise_image(
    grey: np.ndarray, *, size: int = 28, margin: int = 4, width: float = 3.0
) -> np.ndarray:
    """The ink of u8[h, w], 0 = paper, centred in f32[size, size] from 0 to 1.

    The longer side of the ink's box spans `size - 1 - 2 * margin + width` pixels, like
    strokes of `width` pixels rasterised with that margin. Each pixel is the average
    over its area; enlarged pixels are squares. Contrast is stretched to 1. InputError
    for a blank picture.
    """
    grey = crop_to_ink(np.asarray(grey, np.uint8))
    return normalise_images(grey[None], size=size, margin=margin, width=width)[0]


def normalise_images(
    images: np.ndarray, *, size: int = 28, margin: int = 4, width: float = 3.0
) -> np.ndarray:
    """Like `normalise_image` for u8[n, h, w], as f32[n, size, size]."""
    span = size - 1 - 2 * margin + width
    if max(images.shape[1:]) > _WORKING_SIZE:
        settings = {"size": size, "margin": margin, "width": width}
        return np.stack([normalise_image(image, **settings) for image in images])
    out = np.empty((len(images), size, size), np.float32)
    # Chunks that fit into the cache.
    for start in range(0, len(images), 256):
        ink = _above_paper(images[start : start + 256])
        low, high = _boxes(ink, start)
        scale = span / (high - low).max(-1)
        # Area averaging is separable: one matrix for the rows, one for the columns.
        rows, columns = (
            _area_weights((low + high)[:, a] / 2, scale, ink.shape[1 + a], size)
            for a in (0, 1)
        )
        small = rows @ ink @ columns.transpose(0, 2, 1)
        out[start : start + 256] = _stretch_contrast(small)
    return out


def _above_paper(images: np.ndarray) -> np.ndarray:
    """f32[n, h, w] above the paper, a plane through the medians of the four edges."""
    n, h, w = images.shape
    top, bottom = (np.median(images[:, y], axis=-1) for y in (0, -1))
    left, right = (np.median(images[:, :, x], axis=-1) for x in (0, -1))
    level = (top + bottom + left + right) / 4
    y = np.linspace(-0.5, 0.5, h, dtype=np.float32)[None, :, None]
    x = np.linspace(-0.5, 0.5, w, dtype=np.float32)[None, None]
    shape = (n, 1, 1)
    down, across = (bottom - top).reshape(shape), (right - left).reshape(shape)
    # Paper that is 0 at all edges is the usual case.
    if not (level.any() or down.any() or across.any()):
        return images.astype(np.float32)
    paper = level.reshape(shape) + down * y + across * x
    return np.maximum(images - paper, 0).astype(np.float32)


def _boxes(ink: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Corners i[n, 2] of the ink above a quarter of its peak: y, x; the high exclusive.

    Pixels without a neighbour are specks; they count only in the absence of others.
    `first` is the number of the first picture in errors.
    """
    n, h, w = ink.shape
    peak = ink.max((1, 2), keepdims=True)
    if peak.min() < MIN_CONTRAST:
        blank = int(np.argmin(peak))
        raise InputError(
            f"Picture {first + blank} has no ink: its contrast is {peak.min():.0f} of "
            f"255, below the minimum of {MIN_CONTRAST}; give a picture of a symbol."
        )
    mask = np.zeros((n, h + 2, w + 2), bool)
    mask[:, 1:-1, 1:-1] = ink > peak / 4
    shifts = [(y, x) for y in (0, 1, 2) for x in (0, 1, 2) if (y, x) != (1, 1)]
    connected = np.zeros((n, h, w), bool)
    for y, x in shifts:
        connected |= mask[:, y : y + h, x : x + w]
    mask = mask[:, 1:-1, 1:-1]
    connected &= mask
    mask = np.where(connected.any((1, 2), keepdims=True), connected, mask)
    rows, columns = np.any(mask, axis=2), np.any(mask, axis=1)
    low = np.stack([rows.argmax(1), columns.argmax(1)], -1)
    last = np.stack([rows[:, ::-1].argmax(1), columns[:, ::-1].argmax(1)], -1)
    high = np.array([h, w]) - last
    return low, high


def _area_weights(
    centre: np.ndarray, scale: np.ndarray, length: int, size: int
) -> np.ndarray:
    """f32[n, size, length]: the fraction of each target pixel that a pixel covers."""
    step = (1 / scale)[:, None, None]
    middle = centre[:, None, None] + (np.arange(size)[:, None] + 0.5 - size / 2) * step
    pixel = np.arange(length)
    stop = np.minimum(middle + step / 2, pixel + 1)
    overlap = stop - np.maximum(middle - step / 2, pixel)
    return (np.maximum(overlap, 0) / step).astype(np.float32)


def _stretch_contrast(ink: np.ndarray) -> np.ndarray:
    """Contrast to 0..1: full ink is the 98th percentile, so crossings do not set it."""
    flat = ink.reshape(len(ink), -1)
    rank = int(0.98 * (flat.shape[1] - 1))
    full = np.partition(flat, rank, axis=1)[:, rank]
    # Ink on less than 2 % of the frame has its percentile on paper; half the peak
    # bounds it.
    full = np.maximum(full, flat.max(1) / 2)
    return np.clip(ink / full[:, None, None], 0, 1)


# Large pictures


def crop_to_ink(grey: np.ndarray) -> np.ndarray:
    """Crops and reduces a large picture u8[h w] to its ink, at most 256 pixels long.

    Smaller pictures are returned unchanged.
    """
    from PIL import Image

    while max(grey.shape) > _WORKING_SIZE:
        factor = -(-max(grey.shape) // _WORKING_SIZE)
        small = np.asarray(Image.fromarray(grey).reduce(factor))
        low, high = (corner[0] for corner in _boxes(_above_background(small)[None], 0))
        # Some paper stays around the ink: its level is read from the border.
        room = 2 + (high - low).max() // 8
        low = np.maximum(low - room, 0) * factor
        high = (high + room) * factor
        crop = grey[low[0] : high[0], low[1] : high[1]]
        # The ink fills most of the picture, so cropping would gain little.
        if max(crop.shape) > 0.7 * max(grey.shape):
            return small
        grey = crop
    return grey


def _above_background(grey: np.ndarray) -> np.ndarray:
    """f32[h, w] above everything wider than a third of the picture, such as shadows.

    The background is a morphological opening. If little is left above it, the ink
    itself is that wide, and the plane of the paper is used instead.
    """
    from PIL import Image, ImageFilter

    # The opening needs no detail, so it runs at a quarter of the resolution.
    coarse = Image.fromarray(grey).reduce(4)
    third = max(coarse.size) // 6 * 2 + 1
    opened = coarse.filter(ImageFilter.MinFilter(third))
    opened = opened.filter(ImageFilter.MaxFilter(third))
    background = opened.resize(grey.shape[::-1], Image.Resampling.BILINEAR)
    above = np.maximum(grey - np.asarray(background, np.float32), 0)
    return above if 2 * above.max() > grey.max() else _above_paper(grey[None])[0]
