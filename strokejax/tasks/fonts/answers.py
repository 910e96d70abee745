"""What a finder says of files: pictures of text, or fonts themselves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from strokejax.pictures.images import read_picture
from strokejax.search.character_model import load_words
from strokejax.store.model import load_model
from strokejax.store.paths import FONTS
from strokejax.table.knn import Answer
from strokejax.table.table import unit
from strokejax.tasks.fonts.data import usable_faces
from strokejax.tasks.fonts.faces import ENDINGS
from strokejax.tasks.fonts.finder import FontFinder, Identified, finder
from strokejax.tasks.fonts.index import embeddings
from strokejax.types import InputError


def load_finder(
    model: str | Path | None = None,
    false_accepts: float | None = None,
    *,
    fast: bool = True,
) -> FontFinder:
    """The user's own index of fonts, or the packaged one; see `recognizer.load`."""
    stored = load_model(model, FONTS)
    return finder(stored, false_accepts=false_accepts, fast=fast)


@dataclass(frozen=True)
class Asker:
    """Asks a finder for the `k` nearest fonts of files."""

    finder: FontFinder
    k: int = 5

    def about(self, file: str) -> dict[str, Any]:
        """What `strokejax fonts identify` says of a file; InputError if nothing."""
        if Path(file).suffix.lower() in ENDINGS:
            return as_json(self._font(file))
        return as_json(self.finder.identify(read_picture(file), self.k, file))

    def _font(self, file: str) -> Identified:
        """The fonts near the first face of a font file, by pictures of it."""
        if not Path(file).is_file():
            raise InputError(f"{file} is not there; name a picture or a font file.")
        known, refused = usable_faces([Path(file)], workers=1)
        if not known:
            raise InputError(refused[file])
        network, words = self.finder.recognizer, load_words("en")
        found = embeddings(network, known[:1], words, refused, workers=1)
        if not found:
            raise InputError(f"{file}: {refused[known[0].name]}")
        z = unit(found[known[0].name].sum(0)).astype(np.float32)
        return Identified(self.finder.nearest(z[None], self.k)[0], (), z)


def as_json(found: Identified) -> dict[str, Any]:
    """An answer and its regions as the command prints them."""
    regions = [{"box": list(r.box)} | _answer(r.answer) for r in found.regions]
    return _answer(found.answer) | {"regions": regions}


def _answer(answer: Answer) -> dict[str, Any]:
    told = answer._asdict()
    told.pop("inputs")
    return told
