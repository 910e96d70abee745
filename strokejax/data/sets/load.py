"""Data sets by name; a reader is imported when its data set is first loaded."""

import difflib
from pathlib import Path

from strokejax.data.dataset import Dataset
from strokejax.types import InputError

NAMES = (
    "synthetic",
    "unipen",
    "scribble",
    "mnist",
    "omniglot",
    "emnist",
    "detexify",
)


def load(
    name: str,
    split: str,
    *,
    root: str | Path | None = None,
    points: int = 64,
    size: int = 28,
    margin: int = 4,
    width: float = 3.0,
    seed: int = 0,
    writers: int = 40,
    samples: int = 5,
    rotations: bool = False,
    strokes: bool = False,
    emnist_config: str = "byclass",
    download: bool = False,
) -> Dataset:
    """The "train" or "validation" split of the data set `name`, one of `NAMES`.

    `root` is the folder of the data (default: $STROKEJAX_DATA); for scribble it is the
    collected folder. Ink is resampled to `points` points; pictures are `size` pixels
    wide, with a `margin` and a pen of `width` pixels. The remaining settings are for
    single data sets: `seed`, `writers` and `samples` for synthetic, `seed` also for
    scribble, `rotations` and `strokes` for Omniglot, `emnist_config` and `download`
    for EMNIST. InputError for an unknown name and for missing or damaged data.
    """
    raster = {"size": size, "margin": margin, "width": width}
    # Each case imports its reader, so that TFDS is loaded for EMNIST alone.
    match name:
        case "synthetic":
            from strokejax.data.sets.synthetic import load_synthetic

            return load_synthetic(
                writers=writers,
                samples=samples,
                seed=seed,
                split=split,  # pyright: ignore  # checked by the reader
                count=points,
            )
        case "unipen":
            from strokejax.data.sets.unipen import load_unipen

            return load_unipen(split, root=root, count=points)
        case "scribble":
            from strokejax.data.sets.collected import load_scribble

            return load_scribble(
                _collected_folder(root), split, seed=seed, count=points
            )
        case "mnist":
            from strokejax.data.sets.mnist import load_mnist

            return load_mnist(split, root=root, **raster)
        case "omniglot":
            from strokejax.data.sets.omniglot import load_omniglot

            options = {"rotations": rotations, "strokes": strokes, "count": points}
            return load_omniglot(split, root=root, **options, **raster)
        case "detexify":
            from strokejax.data.sets.detexify import load_detexify

            return load_detexify(split, root=root, count=points)
        case "emnist":
            from strokejax.data.sets.emnist import load_emnist

            settings = {"config": emnist_config, "root": root, "download": download}
            return load_emnist(split, **settings, **raster)
    close = difflib.get_close_matches(name, NAMES, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    raise InputError(f"There is no data set {name!r} among {', '.join(NAMES)}{hint}")


def _collected_folder(root: str | Path | None) -> Path:
    if not root:
        raise InputError(
            "The data set scribble is a folder of your own drawings; name it with "
            "data.root."
        )
    return Path(root)
