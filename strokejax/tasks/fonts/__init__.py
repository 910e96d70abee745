"""Font recognition: from pictures of text to the names of their fonts."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from strokejax.tasks.fonts.finder import Identification


def identify_font(
    picture: "np.ndarray",
    k: int = 5,
    *,
    model: str | Path | None = None,
    false_accepts: float | None = None,
) -> "Identification":
    """The k nearest fonts of a picture of text: of all lines together, and of each.

    `picture` is u8[h w] or u8[h w 3], dark on light or light on dark. `model` is an
    index of fonts; by default your own, else the packaged one. `false_accepts` (0 to
    1) is the share of fonts outside the index that may be named. InputError for a
    picture without text.

    >>> import numpy as np, strokejax
    >>> picture = np.full((60, 200), 255, np.uint8)
    >>> picture[15:45, 30:36] = picture[15:45, 80:86] = picture[28:32, 30:86] = 0
    >>> answer = strokejax.identify_font(picture, k=3).answer
    >>> len(answer.symbols)
    3
    """
    from strokejax.tasks.fonts.answers import load_finder

    return load_finder(model, false_accepts).identify(picture, k)
