"""The folders of models: in the package, in the user's data folder, anywhere."""

import os
import sys
from pathlib import Path

from strokejax.types import InputError

CURRENT = "CURRENT"
"""The file with the name of the current version; see `store.model`."""
PACKAGED = Path(__file__).parents[1] / "weights"
STROKES = "nn-sampling"
"""The packaged model of symbols, the default model."""


def home() -> Path:
    """The folder of the user's models; STROKEJAX_HOME overrides it.

    InputError for a user without a home.
    """
    data = "Library/Application Support" if sys.platform == "darwin" else ".local/share"
    try:
        if chosen := os.environ.get("STROKEJAX_HOME"):
            return Path(chosen).expanduser()
        base = os.environ.get("XDG_DATA_HOME") or Path.home() / data
    except RuntimeError as error:
        raise InputError(
            "This user has no home folder; set STROKEJAX_HOME to a folder for models."
        ) from error
    return Path(base) / "strokejax"


def user_copy(packaged: str) -> Path:
    """The folder of the user's copy of a packaged model."""
    return home() / ("model" if packaged == STROKES else packaged)


def resolve(model: str | Path | None = None, default: str = STROKES) -> Path:
    """The folder of a model: of a path, of a run, or of the name of a packaged model.

    None means the user's copy of the packaged model `default`, or the packaged model
    itself if there is no copy yet. InputError if there is no such model.
    """
    if model is None:
        try:
            copy = user_copy(default)
        except InputError:
            return PACKAGED / default  # without a home there is no copy
        return copy if _is_model(copy) else PACKAGED / default
    name = str(model)
    if (PACKAGED / name / CURRENT).is_file() and not Path(name).exists():
        return PACKAGED / name
    for folder in (Path(name), Path(name) / "model"):
        if _is_model(folder):
            return folder
    packaged = ", ".join(sorted(p.parent.name for p in PACKAGED.glob(f"*/{CURRENT}")))
    raise InputError(
        f"There is no model at {name}: it is not a folder with a file {CURRENT}; give "
        f"the folder of a model or of a finished run, or a packaged model: {packaged}."
    )


def _is_model(folder: Path) -> bool:
    """Whether a folder holds a model; the file CURRENT may be missing."""
    return (folder / CURRENT).is_file() or any(folder.glob("version-*.safetensors"))
