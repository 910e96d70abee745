"""What the job "lines" trains: network, data, batches and loss."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import optax

from strokejax.config import Config
from strokejax.networks.spec import WINDOWS, EncoderSpec, build_encoder, line_height
from strokejax.search import ctc
from strokejax.store.model import load_model
from strokejax.tasks.lines.batches import LETTERS, line_batches
from strokejax.tasks.lines.emnist_lines import NUMBER, cells, window_batches
from strokejax.tasks.lines.emnist_lines_published import CLASSES, PAD
from strokejax.tasks.lines.job_line_data import LineData, load_lines
from strokejax.tasks.lines.network import steps
from strokejax.tasks.lines.reader import LineReader, from_stored
from strokejax.train.distributed_partitioning import local_slice
from strokejax.types import Batch, Encoder, InputError, PyTree

BLANK = ""
"""What CTC's last output adds to a text."""


class Setup(NamedTuple):
    """What a job is made of, before any step."""

    spec: EncoderSpec
    encoder: Encoder
    params: PyTree
    model_state: PyTree
    data: LineData
    outputs: tuple[str, ...]
    """Names of the network's outputs; CTC's blank, the last, has none."""

    def reader(self, params: PyTree, model_state: PyTree) -> LineReader:
        """What reads by these weights."""
        return LineReader(
            self.spec, self.encoder, params["encoder"], model_state, self.outputs
        )


def prepare(config: Config) -> Setup:
    """Data and network as the config wants them, warm-started where it says so."""
    data = load_lines(config)
    windows = config.model.name == WINDOWS
    outputs = CLASSES if windows else data.alphabet
    spec = EncoderSpec(
        architecture=config.model.name,
        out_dim=len(outputs) + (not windows),
        normalise=False,
    )
    encoder = build_encoder(spec, dropout=config.model.dropout)
    image = np.zeros((2, line_height(spec), 64), np.uint8)
    example = {"image": image, "width": np.full(2, 64, np.int32)}
    network, model_state = jax.jit(encoder.init)(jax.random.key(config.seed), example)
    if config.model.init != "none":
        network, model_state = _warm(config, spec, outputs, network)
    params = {"encoder": network, "table": {}}
    return Setup(spec, encoder, params, model_state, data, outputs)


def _warm(config: Config, spec: EncoderSpec, outputs: tuple[str, ...], network: PyTree):
    """Weights of a stored model that reads; of its outputs those of the same names."""
    stored = load_model(config.model.init)
    reader = from_stored(stored)
    if stored.spec.architecture != spec.architecture:
        raise InputError(
            f"The model {config.model.init} is a {stored.spec.architecture}; set "
            f"config.model.name to that, or config.model.init='none'."
        )
    encoder = stored.encoder
    if spec.architecture != WINDOWS:  # whose classes never differ
        known = {name: i for i, name in enumerate((*reader.outputs, BLANK))}
        out = {name: np.array(leaf) for name, leaf in network["out"].items()}
        for i, name in enumerate((*outputs, BLANK)):
            if name in known:
                for key, leaf in out.items():
                    leaf[..., i] = encoder["out"][key][..., known[name]]
        encoder = {**encoder, "out": out}
    return jax.tree.map(jax.numpy.asarray, (encoder, stored.model_state))


def batches(config: Config, data: LineData, size: int) -> Callable[[int], Batch]:
    """This process's rows of global batches, by step, as the network takes them."""
    rows, seed = local_slice(size), config.seed
    if config.model.name == WINDOWS:
        length = cells(config.lines.length)
        return window_batches(data.train, size, length, rows=rows)
    return line_batches(data.train, data.alphabet, size, seed=seed, rows=rows)


def measure_by(config: Config) -> Callable:
    """The loss of logits and who was right, for `make_step`."""
    return _windows if config.model.name == WINDOWS else _ctc


def _ctc(table: PyTree, logits: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array]:
    """CTC over the steps of each line; right are lines without an error."""
    count = steps(batch.inputs["width"])
    loss = ctc.loss(logits, count, batch.labels, batch.mask)
    read = ctc.greedy(logits, count, LETTERS)
    return loss, (read == batch.labels).all(1)


def _windows(table: PyTree, logits: jax.Array, batch: Batch):
    """Cross entropy of every window, padding too; right are lines without an error."""
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)
    mean = (nats.mean(1) * batch.mask).sum() / jax.numpy.maximum(batch.mask.sum(), 1)
    return mean, (logits.argmax(-1) == batch.labels).all(1)


def window_scores(best: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Shares of right windows, i32[n l] each: with padding, without, and what always
    answering padding gets."""
    right, padding = best == labels, labels == NUMBER[PAD]
    return {
        "windows": float(right.mean()),
        "windows_without_padding": float(right[~padding].mean()),
        "always_padding": float(padding.mean()),
    }
