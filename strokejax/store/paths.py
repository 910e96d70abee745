"""Where models lie: in the package, in the user's data folder, anywhere."""

import os
import sys
from pathlib import Path

from strokejax.types import InputError

CURRENT = "CURRENT"
"""The file that makes a folder a model; see `model_store`."""
PACKAGED = Path(__file__).parents[1] / "weights"
STROKES = "nn-sampling"
"""The packaged model that is used where none is named."""


def home() -> Path:
    """The folder of the user's own model; STROKEJAX_HOME moves it."""
    if chosen := os.environ.get("STROKEJAX_HOME"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / (
        "Library/Application Support" if sys.platform == "darwin" else ".local/share"
    )
    return Path(base) / "strokejax"


def own_copy(packaged: str) -> Path:
    """Where the user's own copy of a packaged model lies."""
    return home() / ("model" if packaged == STROKES else packaged)


def resolve(model: str | Path | None = None, usual: str = STROKES) -> Path:
    """The folder of a model: a path, a run's folder, or a packaged model's name.

    None is the user's own copy of the `usual` packaged one, or that itself where there
    is none yet.
    """
    if model is None:
        copy = own_copy(usual)
        return copy if _is_model(copy) else PACKAGED / usual
    name = str(model)
    if (PACKAGED / name / CURRENT).is_file() and not Path(name).exists():
        return PACKAGED / name
    for folder in (Path(name), Path(name) / "model"):
        if _is_model(folder):
            return folder
    packaged = ", ".join(sorted(p.parent.name for p in PACKAGED.glob(f"*/{CURRENT}")))
    raise InputError(
        f"There is no model at {name}: it is not a folder with a file {CURRENT}; give "
        f"the folder of a model or of a finished run, or a packaged one: {packaged}."
    )


def _is_model(folder: Path) -> bool:
    """Whether there is a model, be it one that has lost its pointer."""
    return (folder / CURRENT).is_file() or any(folder.glob("version-*.safetensors"))
