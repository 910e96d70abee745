"""Small stored models whose embeddings are drawn at random: no encoder is needed."""

from collections.abc import Iterable

import numpy as np

from strokejax.networks.spec import EncoderSpec
from strokejax.store.model import Sample, StoredModel
from strokejax.table.rejection import Calibration
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import Rows, Slots, unit
from tests.support.strategies import unit_rows

DIM = 16


class Store:
    """Embeddings of samples by their digests, as `samples.Embeddings` asks for."""

    def __init__(self) -> None:
        self.known: dict[str, np.ndarray] = {}

    def add(self, symbol: str, z: np.ndarray) -> tuple[Sample, ...]:
        """Samples of a symbol with these embeddings."""
        names = [each.tobytes().hex() for each in z]
        self.known |= zip(names, z, strict=True)
        return tuple(Sample(symbol, "", 0, name, "") for name in names)

    def z(self, samples: Iterable[Sample]) -> np.ndarray:
        """f32[n d]"""
        return np.array([self.known[each.digest] for each in samples])


def around(rng: np.random.Generator, centre: np.ndarray, n: int, cosine: float):
    """f32[n d] of length 1, at about this cosine from a centre."""
    noise = rng.normal(size=(n, len(centre))) / np.sqrt(len(centre))
    return unit(centre + np.sqrt(1 / cosine**2 - 1) * noise).astype(np.float32)


def model_of(
    rng: np.random.Generator, names: str = "abcdef", capacity: int = 8, per: int = 20
) -> StoredModel:
    """A model of trained symbols with `per` drawings of each in its calibration."""
    c, free = len(names), capacity - len(names)
    rows = unit_rows(rng, c, DIM)
    embeddings = np.concatenate([rows, unit_rows(rng, free, DIM)])
    slots = Slots(
        np.zeros((capacity, DIM), np.float32),
        np.zeros(capacity, np.int32),
        np.arange(capacity) < c,
        np.arange(capacity, dtype=np.int32),
        np.zeros(capacity, np.float32),
        np.full(capacity, 0.2, np.float32),
        np.full(capacity, 0.1, np.float32),
    )
    z = np.concatenate([around(rng, row, per, 0.9) for row in rows])
    label = np.repeat(np.arange(c, dtype=np.int32), per)
    return StoredModel(
        EncoderSpec(out_dim=DIM),
        {"block": {"kernel": np.ones((3, 3, 1, 2), np.float32)}},
        {},
        {"embeddings": embeddings, "log_scale": np.float32(np.log(10))},
        slots,
        SymbolTable.of(list(names), capacity),
        {},
        Calibration(rows, z, label, unit_rows(rng, 50, DIM)),
        np.where(np.arange(capacity) < c, np.arange(capacity), -1).astype(np.int32),
    )


def host_rows(embeddings: np.ndarray, scale=10.0, offset=None, radius=0.2) -> Rows:
    """A table on the host with all its slots in use."""
    c = len(embeddings)
    offset = np.zeros(c, np.float32) if offset is None else offset
    ones = np.ones(c, np.float32)
    slots = Slots(
        0 * embeddings,
        np.zeros(c, np.int32),
        np.ones(c, bool),
        np.arange(c, dtype=np.int32),
        offset,
        radius * ones,
        0.1 * ones,
    )
    return Rows(embeddings, scale, slots)
