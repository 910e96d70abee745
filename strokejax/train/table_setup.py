"""The setup of a table's training: data, network, table and initial weights."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

from strokejax.data.dataset import Dataset
from strokejax.networks.spec import EncoderSpec, build_encoder
from strokejax.settings import Config
from strokejax.store.model import load_model
from strokejax.table.symbols import SymbolTable
from strokejax.table.table import Slots, init_slots, init_table
from strokejax.train.optim import frozen_blocks
from strokejax.types import Encoder, InputError, PyTree


class Setup(NamedTuple):
    """Everything that a training starts from."""

    spec: EncoderSpec
    encoder: Encoder
    symbols: SymbolTable
    slots: Slots
    params: PyTree
    model_state: PyTree
    train_set: Dataset
    valid_set: Dataset
    test_set: Dataset
    trained: np.ndarray
    """bool[c]: the classes with training examples."""
    origin: np.ndarray | None
    """i32[c]: the data set of each class in a mixture, -1 for unused slots."""


def prepare(
    config: Config,
    load: Callable[[Config], tuple[Dataset, Dataset, Dataset]],
    build: Callable[..., Encoder] = build_encoder,
    length: int = 0,
) -> Setup:
    """The data, network and table of a config, with its initial weights.

    `load` returns the training, validation and test set, and `build` the network of a
    spec; `length` is the width of its pictures, 0 for drawings. InputError if data or
    weights are missing or do not fit.
    """
    train_set, valid_set, test_set = _limited(config, *load(config))
    classes = len(train_set.symbols)
    argmax = config.mode == "argmax"
    capacity = classes if argmax else max(config.model.capacity, classes)
    spec = _spec(config, classes, length)
    encoder = build(
        spec,
        channel_dropout=config.model.channel_dropout,
        dropout=config.model.dropout,
        frozen=frozen_blocks(config.optim.train),
    )
    encoder_key, table_key = jax.random.split(jax.random.key(config.seed))
    example = {name: leaf[:2] for name, leaf in train_set.inputs.items()}
    network, model_state = jax.jit(encoder.init)(encoder_key, example)
    table = (
        {}
        if argmax
        else init_table(table_key, capacity, spec.out_dim, config.loss.scale)
    )
    symbols, trained, origin = _classes(train_set, capacity)
    if origin is not None:
        # One scale per data set: few classes need a far smaller one than thousands.
        table["other_log_scales"] = jax.numpy.full(origin.max(), table["log_scale"])
    active = np.zeros(capacity, bool)
    active[list(symbols.active)] = True
    setup = Setup(
        spec,
        encoder,
        symbols,
        init_slots(active, spec.out_dim),
        {"encoder": network, "table": table},
        model_state,
        train_set,
        valid_set,
        test_set,
        trained,
        origin,
    )
    return setup if config.model.init == "none" else _warm_start(config, setup)


def _limited(
    config: Config, train: Dataset, valid: Dataset, test: Dataset
) -> tuple[Dataset, Dataset, Dataset]:
    """The sets within the limits of the config, or changed for its sanity check."""
    train = _sample(train, config.data.limit_train, config.seed)
    valid, test = (
        _sample(part, config.data.limit_valid, config.seed) for part in (valid, test)
    )
    if config.sanity == "overfit_one_batch":
        train = valid = test = _sample(train, config.loop.batch_size, config.seed)
    if config.sanity == "zero_inputs":
        train, valid, test = map(_zeroed, (train, valid, test))
    return train, valid, test


def _sample(dataset: Dataset, limit: int, seed: int) -> Dataset:
    """Up to `limit` random examples; 0: all."""
    if not limit or limit >= len(dataset):
        return dataset
    chosen = np.random.default_rng(seed).permutation(len(dataset))[:limit]
    return dataset.take(np.sort(chosen))


def _zeroed(dataset: Dataset) -> Dataset:
    inputs = {name: np.zeros_like(leaf) for name, leaf in dataset.inputs.items()}
    return replace(dataset, inputs=inputs)


def _spec(config: Config, classes: int, length: int) -> EncoderSpec:
    argmax = config.mode == "argmax"
    return EncoderSpec(
        architecture=config.model.name,
        out_dim=classes if argmax else config.model.embed_dim,
        normalise=not argmax,
        norm=config.model.norm,
        size=config.raster.size,
        margin=config.raster.margin,
        width=config.raster.width,
        channels=config.model.channels,
        convs=config.model.convs,
        length=length,
    )


def _classes(
    train_set: Dataset, capacity: int
) -> tuple[SymbolTable, np.ndarray, np.ndarray | None]:
    """The symbols, `Setup.trained` and `Setup.origin` of a training set.

    In a mixture only the classes of the first data set are symbols: the rows of the
    others help training and are never an answer.
    """
    classes = len(train_set.symbols)
    trained = np.zeros(capacity, bool)
    trained[np.unique(train_set.labels)] = True
    origin = train_set.origin
    active = trained[:classes] & (True if origin is None else origin == 0)
    pairs = zip(train_set.symbols, active, strict=True)
    names = (name if used else None for name, used in pairs)
    if origin is not None:
        origin = np.pad(origin, (0, capacity - classes), constant_values=-1)
    symbols = SymbolTable((*names, *(None,) * (capacity - classes)))
    return symbols, trained, origin


def _warm_start(config: Config, setup: Setup) -> Setup:
    """Starts from the weights of a stored model; rows are matched by symbol name.

    A class head of another size keeps its random weights, as in the published
    fine-tuning; InputError for embeddings of another size.
    """
    init = config.model.init
    stored = load_model(config.mode if init == "packaged" else init)
    if stored.spec.norm != setup.spec.norm:
        raise InputError(
            f"The model {init} has {stored.spec.norm} norms, but config.model.norm is "
            f"{setup.spec.norm!r}; set it to {stored.spec.norm!r}, or "
            f"config.model.init='none'."
        )
    both = stored.spec.normalise and setup.spec.normalise
    if both and stored.spec.out_dim != setup.spec.out_dim:
        raise InputError(
            f"The model {init} has {stored.spec.out_dim} dimensions, but "
            f"config.model.embed_dim is {setup.spec.out_dim}; set it to "
            f"{stored.spec.out_dim}, or config.model.init='none'."
        )
    network = dict(setup.params["encoder"])
    for name, block in stored.encoder.items():
        shapes = jax.tree.map(np.shape, network.get(name))
        if jax.tree.map(np.shape, block) == shapes:
            network[name] = block
        elif name != "out":
            raise InputError(
                f"The block {name!r} of the model {init} does not have the shapes of "
                f"this config; use the config of the model, or "
                f"config.model.init='none'."
            )
    # Rows only fit the embedding of the layer that they were trained with.
    same_head = network["out"] is stored.encoder["out"]
    table = dict(setup.params["table"])
    if table and stored.table and same_head:
        rows = np.array(table["embeddings"])
        for slot, name in enumerate(setup.symbols.names):
            old = stored.symbols.slot(name) if name is not None else None
            if old is not None:
                rows[slot] = stored.table["embeddings"][old]
        table["embeddings"] = rows
        table["log_scale"] = stored.table["log_scale"]
    params = jax.tree.map(jax.numpy.asarray, {"encoder": network, "table": table})
    model_state = jax.tree.map(jax.numpy.asarray, stored.model_state)
    return setup._replace(params=params, model_state=model_state)
