"""A model of fonts with random weights, and four fonts in its index."""

from functools import cache

import jax
import numpy as np

from strokejax.networks.spec import EncoderSpec
from strokejax.store.model import StoredModel
from strokejax.table.rejection import no_calibration
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import init_slots
from strokejax.tasks.fonts.faces import Face, faces
from strokejax.tasks.fonts.finder import CLASSES, finder
from strokejax.tasks.fonts.index import with_fonts
from strokejax.tasks.fonts.network import build_encoder
from strokejax.tasks.fonts.typeset import TextStyle, typeset
from tests.support import typefaces

SPEC = EncoderSpec("font_net", 16, size=40, length=192, channels=0.5, convs=1)
TRAINED = ("Caladea", "One", "Two", "Three", "Four", "Five")
TEXTS = ("Hamburgefonts", "Sphinx of 1950")


@cache
def untrained() -> StoredModel:
    """Nothing is in its index but what it says that it was trained on."""
    size, length, count = SPEC.size, SPEC.length, len(TRAINED)
    image = np.zeros((1, size, length), np.uint8)
    example = {"image": image, "width": np.full(1, length, np.int32)}
    params, state = jax.jit(build_encoder(SPEC).init)(jax.random.key(3), example)
    rows = np.eye(count, SPEC.out_dim, dtype=np.float32)
    table = {"embeddings": rows, "log_scale": np.float32(3.0)}
    return StoredModel(
        SPEC,
        *jax.device_get((params, state, table)),
        jax.device_get(init_slots(np.ones(count, bool), SPEC.out_dim)),
        SymbolTable(TRAINED),
        {CLASSES: [*TRAINED]},
        no_calibration(table, SPEC.out_dim),
        np.arange(count, dtype=np.int32),
    )


def line(face: Face, text: str) -> np.ndarray:
    """u8[h w]: a text in a font, its ink high."""
    return typeset(face.file, face.index, [text], TextStyle(48))


def indexed() -> StoredModel:
    """The model with `typefaces.ALL` in its index, each by `TEXTS` in it."""
    stored, known = untrained(), [faces(path)[0] for path in typefaces.ALL]
    network = finder(stored)
    lines = [network.line(line(face, text)) for face in known for text in TEXTS]
    z = network.embed(lines).reshape(len(known), len(TEXTS), -1)
    return with_fonts(stored, known, dict(zip([f.name for f in known], z, strict=True)))
