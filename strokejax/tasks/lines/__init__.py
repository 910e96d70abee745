"""Lines of handwriting: from pictures to text."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from strokejax.tasks.lines.decode import Reading


def read_lines(
    pictures: "Sequence[np.ndarray]",
    *,
    model: str | Path | None = None,
    language: str | None = None,
    lexicon: str | None = None,
) -> "list[Reading]":
    """The text of each picture of one line of handwriting.

    Pictures are u8[h w] with ink high, as `read_image` gives them. `model` is a folder
    or the name of a packaged model; `language` ("en", or a file of words) makes its
    words more probable, `lexicon` is a file of the only words allowed. InputError for
    a picture that is blank, too long, or higher than wide.

    >>> import numpy as np, strokejax
    >>> picture = np.zeros((40, 120), np.uint8)
    >>> picture[8:32, 20:24] = picture[8:32, 60:64] = 255
    >>> (reading,) = strokejax.read_lines([picture])
    >>> len(reading.text) >= 2, 0 <= reading.confidence <= 1
    (True, True)
    """
    from strokejax.tasks.lines.reader import load_language, load_reader

    reader = load_reader(model)
    lines: list[Any] = [
        reader.prepare(picture, f"picture {i + 1}")
        for i, picture in enumerate(pictures)
    ]
    return list(reader.read(lines, load_language(reader, language, lexicon)))
