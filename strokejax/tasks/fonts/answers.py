"""Answers of a font finder about files: pictures of text, or font files."""

from pathlib import Path
from typing import Any

import numpy as np

from strokejax.pictures.images import read_picture
from strokejax.search.character_model import load_words
from strokejax.store.model import load_model
from strokejax.table.knn import Answer
from strokejax.table.table import unit
from strokejax.tasks.fonts.data import usable_faces
from strokejax.tasks.fonts.faces import SUFFIXES
from strokejax.tasks.fonts.finder import FontFinder, Identification, finder
from strokejax.tasks.fonts.index import embeddings
from strokejax.tasks.fonts.settings import FONTS
from strokejax.types import InputError


def load_finder(
    model: str | Path | None = None,
    false_accepts: float | None = None,
    *,
    fast: bool = True,
) -> FontFinder:
    """A stored index of fonts: by default the user's, else the packaged one.

    `false_accepts` and `fast` are those of `strokejax.load`.
    """
    stored = load_model(model, FONTS)
    return finder(stored, false_accepts=false_accepts, fast=fast)


def identify_file(finder: FontFinder, file: str, k: int = 5) -> dict[str, Any]:
    """The k nearest fonts of a picture or a font file, as `as_json` gives them.

    InputError for a file that is neither.
    """
    if Path(file).suffix.lower() in SUFFIXES:
        return as_json(_identify_font(finder, file, k))
    return as_json(finder.identify(read_picture(file), k, file))


def _identify_font(finder: FontFinder, file: str, k: int) -> Identification:
    """The fonts nearest to the first face of a font file, by pictures of the face."""
    if not Path(file).is_file():
        raise InputError(f"{file} does not exist; name a picture or a font file.")
    faces, refused = usable_faces([Path(file)], workers=1)
    if not faces:
        raise InputError(*refused.values())
    face, words = faces[0], load_words("en")
    z = embeddings(finder.recognizer, [face], words, refused, workers=1)
    if not z:
        raise InputError(*refused.values())
    mean = unit(z[face.name].sum(0)).astype(np.float32)
    return Identification(finder.nearest(mean[None], k)[0], (), mean)


def as_json(identification: Identification) -> dict[str, Any]:
    """The answer and its regions as JSON: the fields of `Answer`, without `inputs`."""
    regions = [
        {"box": list(region.box)} | _answer_as_json(region.answer)
        for region in identification.regions
    ]
    return _answer_as_json(identification.answer) | {"regions": regions}


def _answer_as_json(answer: Answer) -> dict[str, Any]:
    fields = answer._asdict()
    # Always `MODALITIES`: a picture of text has no other inputs.
    fields.pop("inputs")
    return fields
