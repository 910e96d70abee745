"""Drawings of people, alphabets and symbols that training never saw, embedded once."""

from functools import cached_property
from pathlib import Path

import numpy as np

from strokejax.data.dataset import Dataset, data_file
from strokejax.data.sets import detexify, omniglot, unipen
from strokejax.data.splits import split_mask
from strokejax.networks.inputs import Inputs
from strokejax.recognizer import Recognizer, from_stored, with_table
from strokejax.store.model import StoredModel
from strokejax.tasks.symbols.evaluation.incremental import Embedded
from strokejax.tasks.symbols.evaluation.labelled import load_labelled

# The same drawing, seen as its shape alone, as its motion alone, and as more.


Uses = tuple[str, ...]
"""Some of "shape", "motion" and "size", in this order."""

ALONE: tuple[Uses, ...] = (("shape",), ("motion",), ("shape", "motion"))


def parts_of(uses: Uses) -> list[Uses]:
    """What a network that sees `uses` may be shown of ink, at last all of it."""
    parts = [view for view in ALONE if set(view) <= set(uses) and view != uses]
    return [*parts, uses]


def seen_as(inputs: Inputs, view: Uses, uses: Uses) -> Inputs:
    """Inputs for a network that sees `uses`, with all that is not in `view` hidden.

    Whatever is hidden, the leaves are the same: one compiled network serves all views.
    """
    if "points" not in inputs or len(uses) == 1:
        return inputs
    n = len(inputs["points"])
    size = inputs.get("size", np.full(n, np.nan, np.float32))
    return {
        "points": inputs["points"],
        "size": size if "size" in view else np.full(n, np.nan, np.float32),
        "has_shape": np.full(n, "shape" in view),
        "has_ink": np.full(n, "motion" in view),
    }


PUNCTUATION = "unipen_punct_dev.npz"


def truth(dataset: Dataset) -> np.ndarray:
    """str[n]: the true names."""
    return np.array(dataset.symbols)[dataset.labels]


def embedded(model: Recognizer, dataset: Dataset, inputs: Inputs | None = None):
    """A data set after the encoder, or `inputs` in place of its own: `Embedded`."""
    z = model.embed(dict(dataset.inputs) if inputs is None else inputs)
    return Embedded(z, truth(dataset), dataset.groups)


class Validation:
    """The validation drawings as one model sees them; each set is read when asked for.

    InputError where a file is missing, or the model has no table to learn in.
    """

    def __init__(
        self, stored: StoredModel, root: str | Path = "", *, views: bool = False
    ):
        self.stored = with_table(stored)
        self.model = from_stored(stored, views=views)
        self.root = root
        self._letters: dict[Uses, Embedded] = {}

    @cached_property
    def letters(self) -> Dataset:
        """UNIPEN's letters and digits by held-out writers, named as the model does."""
        found = self._read(unipen.FILE)
        found = found.select(split_mask("validation", "writer", found.groups))
        self.model.symbols.slots([*set(truth(found).tolist())], unipen.FILE)
        return found

    def letters_as(self, view: Uses) -> Embedded:
        """The letters with all that is not in `view` hidden."""
        if view not in self._letters:
            inputs = seen_as(dict(self.letters.inputs), view, self.model.spec.uses)
            self._letters[view] = embedded(self.model, self.letters, inputs)
        return self._letters[view]

    @property
    def drawn_letters(self) -> Embedded:
        """The letters with all that the network can see."""
        return self.letters_as(self.model.spec.uses)

    @cached_property
    def punctuation(self) -> Embedded:
        """UNIPEN's punctuation marks, by all writers: no model knows these symbols."""
        return embedded(self.model, self._read(PUNCTUATION))

    @cached_property
    def characters(self) -> Embedded:
        """Omniglot's characters "alphabet/character" of held-out alphabets."""
        return embedded(self.model, self._read(omniglot.FILE))

    @cached_property
    def symbols(self) -> Embedded:
        """Detexify's held-out symbols."""
        found = self._read(detexify.FILE)
        return embedded(
            self.model, found.select(split_mask("validation", "class", truth(found)))
        )

    def _read(self, name: str) -> Dataset:
        spec = self.model.spec
        path = data_file(name, self.root)
        return load_labelled(path, self.model.draw, strokes=False, **spec.raster)
