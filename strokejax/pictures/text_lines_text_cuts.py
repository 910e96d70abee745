"""One line of text cut out of a picture: level, alone, paper 0 and ink 255."""

import numpy as np

HIGHEST = 256
"""Pixels: higher lines are reduced."""
BLANK = 4
"""Pixels around the ink."""
LEVEL = 0.006
"""Rise over run of what need not be turned."""


def cut_line(
    picture: np.ndarray,
    own: np.ndarray,
    other: np.ndarray,
    origin: tuple[float, float],
    scale: float,
    slope: float,
) -> np.ndarray:
    """u8[h w], ink high: what bool[h w] `own` shows of a picture u8[h w] or u8[h w 3].

    The masks' pixels are `scale` of the picture's wide and begin at its `origin` x, y;
    `other` is ink of the same kind that does not belong to the line.
    """
    step = max(1, round(len(own) * scale / HIGHEST))
    patch, own, other = _aligned(picture, own, other, origin, scale, step)
    soft = 1 + round(scale / step)
    reach = max(soft, round(0.06 * len(own)))
    near = _grown(own, reach)
    share = _share(patch, own, _grown(own | other, soft), len(own) // 2)
    share *= near & ~(_grown(other, soft) & ~_grown(own, 1))
    return _trimmed(_turned(share, slope))


def _aligned(picture, own, other, origin, scale: float, step: int):
    """The picture's patch f32[h w c], reduced `step` times, and masks of its size."""
    from PIL import Image

    height, width = (round(n * scale) for n in own.shape)
    x, y = round(origin[0]), round(origin[1])
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(picture.shape[1], x + width), min(picture.shape[0], y + height)
    patch = picture[y0:y1, x0:x1]
    image = Image.fromarray(np.ascontiguousarray(patch)).reduce(step)
    box = (x0 - x) / scale, (y0 - y) / scale, (x1 - x) / scale, (y1 - y) / scale
    box = (*box[:2], min(box[2], own.shape[1]), min(box[3], own.shape[0]))
    masks = [
        np.asarray(Image.fromarray(mask.view(np.uint8)).resize(image.size, 0, box))
        for mask in (own, other)
    ]
    values = np.asarray(image, np.float32)
    values = values[..., None] if values.ndim == 2 else values
    return values, masks[0] > 0, masks[1] > 0


def _grown(mask: np.ndarray, by: int) -> np.ndarray:
    from scipy import ndimage

    return ndimage.maximum_filter(mask.view(np.uint8), 2 * by + 1).view(bool)


def _share(
    patch: np.ndarray, own: np.ndarray, inked: np.ndarray, reach: int
) -> np.ndarray:
    """f32[h w]: 0 on paper, 1 on full ink, along the line from paper's colour to it."""
    if inked.all() or not own.any():
        return own.astype(np.float32)
    offset = patch - _local_mean(patch, ~inked, reach)
    towards = offset[own].mean(0)
    share = offset @ (towards / max(float(towards @ towards), 1e-3))
    full = float(np.percentile(share[own], 90))
    share = share / max(full, 1e-3)
    core = own & (share > 0.7)
    if not core.any():
        return np.clip(share, 0, 1)
    # Ink may change its colour along the line.
    here = _local_mean(share[..., None], core, 3 * reach)[..., 0]
    return np.clip(share * (share[core].mean() / np.maximum(here, 0.3)), 0, 1)


def _local_mean(values: np.ndarray, mask: np.ndarray, reach: int) -> np.ndarray:
    """f32[h w c]: the mean of where the mask holds, nearby or else anywhere."""
    from scipy import ndimage

    size = 2 * reach + 1
    weight = ndimage.uniform_filter(mask.astype(np.float32), size, mode="nearest")
    usual = values[mask].mean(0)
    planes = [
        ndimage.uniform_filter((v - u) * mask, size, mode="nearest")
        for v, u in zip(np.moveaxis(values, -1, 0), usual, strict=True)
    ]
    near = np.stack(planes, -1) / np.maximum(weight, 0.01)[..., None]
    return usual + near


def _turned(share: np.ndarray, slope: float) -> np.ndarray:
    """u8[h w], turned until the line is level."""
    from PIL import Image

    image = Image.fromarray(np.rint(255 * share).astype(np.uint8))
    if abs(slope) > LEVEL:
        angle = float(np.degrees(np.arctan(slope)))
        image = image.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    return np.asarray(image)


def _trimmed(ink: np.ndarray) -> np.ndarray:
    rows, columns = (np.flatnonzero(ink.max(k) > 40) for k in (1, 0))
    if len(rows):
        ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(ink, BLANK)
