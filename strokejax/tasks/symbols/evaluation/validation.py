"""Validation drawings: people, alphabets and symbols that training never saw.

`Validation` reads each set when it is first needed and embeds it once. The modalities
of a network ("shape", "motion", "size") can be hidden, to measure what each adds.
"""

from functools import cached_property
from pathlib import Path

import numpy as np

from strokejax.data.dataset import Dataset, data_file
from strokejax.data.sets import detexify, omniglot, unipen
from strokejax.data.splits import split_mask
from strokejax.networks.inputs import Inputs
from strokejax.recognizer import Recognizer, from_stored, require_table
from strokejax.store.model import StoredModel
from strokejax.tasks.symbols.evaluation.incremental import LabelledEmbeddings
from strokejax.tasks.symbols.evaluation.labelled import load_labelled

Modalities = tuple[str, ...]
"""Some of "shape", "motion" and "size", in this order."""
PARTIAL: tuple[Modalities, ...] = (("shape",), ("motion",), ("shape", "motion"))
PUNCTUATION = "unipen_punct_dev.npz"

# Ablation of modalities.


def ablations(uses: Modalities) -> list[Modalities]:
    """The modalities to show a network that uses `uses`: parts, and at last all."""
    parts = [view for view in PARTIAL if set(view) <= set(uses) and view != uses]
    return [*parts, uses]


def mask_modalities(inputs: Inputs, view: Modalities, uses: Modalities) -> Inputs:
    """Inputs for a network that uses `uses`, with the modalities outside `view` hidden.

    The leaves are the same for every view, so one compiled network serves all of them.
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


# Embedded data sets.


def true_names(dataset: Dataset) -> np.ndarray:
    """str[n]: the true names."""
    return np.array(dataset.symbols)[dataset.labels]


def embed_dataset(
    model: Recognizer, dataset: Dataset, inputs: Inputs | None = None
) -> LabelledEmbeddings:
    """Embeddings of a data set; `inputs` replace its own."""
    z = model.embed(dict(dataset.inputs) if inputs is None else inputs)
    return LabelledEmbeddings(z, true_names(dataset), dataset.groups)


class Validation:
    """The validation drawings, embedded by one model.

    InputError if a file is missing, or if the model is a class head: it lacks the table
    to register symbols in.
    """

    def __init__(
        self, stored: StoredModel, root: str | Path = "", *, views: bool = False
    ):
        self.stored = require_table(stored)
        self.model = from_stored(stored, views=views)
        self.root = root
        self._letters: dict[Modalities, LabelledEmbeddings] = {}

    @cached_property
    def letters(self) -> Dataset:
        """UNIPEN's letters and digits by held-out writers.

        InputError for a name that the model does not know.
        """
        dataset = self._read(unipen.FILE)
        dataset = dataset.select(split_mask("validation", "writer", dataset.groups))
        self.model.symbols.slots([*set(true_names(dataset).tolist())], unipen.FILE)
        return dataset

    def embed_letters(self, view: Modalities) -> LabelledEmbeddings:
        """The letters with the modalities outside `view` hidden."""
        if view not in self._letters:
            uses = self.model.spec.uses
            inputs = mask_modalities(dict(self.letters.inputs), view, uses)
            self._letters[view] = embed_dataset(self.model, self.letters, inputs)
        return self._letters[view]

    @property
    def letter_embeddings(self) -> LabelledEmbeddings:
        """The letters with all modalities of the network."""
        return self.embed_letters(self.model.spec.uses)

    @cached_property
    def punctuation(self) -> LabelledEmbeddings:
        """UNIPEN's punctuation marks by all writers: training knew no such symbol."""
        return embed_dataset(self.model, self._read(PUNCTUATION))

    @cached_property
    def characters(self) -> LabelledEmbeddings:
        """Omniglot's characters "alphabet/character" of held-out alphabets."""
        return embed_dataset(self.model, self._read(omniglot.FILE))

    @cached_property
    def symbols(self) -> LabelledEmbeddings:
        """Detexify's held-out symbols."""
        dataset = self._read(detexify.FILE)
        held_out = split_mask("validation", "class", true_names(dataset))
        return embed_dataset(self.model, dataset.select(held_out))

    def _read(self, name: str) -> Dataset:
        spec = self.model.spec
        path = data_file(name, self.root)
        return load_labelled(path, self.model.draw, strokes=False, **spec.raster)
