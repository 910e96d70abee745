"""The job that trains a line reader: data, network, loss, scores, report."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from jax.sharding import Mesh

from strokejax.data.pipeline import stream
from strokejax.data.texts import random_texts, read_texts
from strokejax.networks.spec import EncoderSpec
from strokejax.pictures.lines import normalise_line
from strokejax.search import ctc
from strokejax.search.character_model import load_words
from strokejax.settings import Config, shares
from strokejax.store.model import StoredModel, load_model, model_without_table
from strokejax.table.symbols import SPACE
from strokejax.tasks.lines.batches import MAX_LETTERS, line_batches
from strokejax.tasks.lines.data import (
    Line,
    LineSet,
    cremma_lines,
    folder_lines,
    unipen_lines,
)
from strokejax.tasks.lines.emnist_lines import (
    CLASS_INDEX,
    CLASSES,
    PAD,
    SIZE,
    cell_count,
    collate_windows,
    published_lines,
    window_batches,
)
from strokejax.tasks.lines.network import build_encoder, line_height, step_count
from strokejax.tasks.lines.reader import LineReader, from_stored
from strokejax.tasks.lines.report import write_line_report
from strokejax.tasks.lines.scores import line_scores
from strokejax.tasks.lines.settings import WINDOWS
from strokejax.tasks.lines.sources import load_glyphs, parse_overlap, synthetic_lines
from strokejax.train import job
from strokejax.train.distributed import local_slice
from strokejax.train.job import Job, Result
from strokejax.train.logging import read_jsonl
from strokejax.train.state import TrainState
from strokejax.train.steps import make_step
from strokejax.types import Batch, Encoder, InputError, PyTree

ASCII = tuple(chr(code) for code in range(32, 127))
"""Printable characters, which are in every alphabet."""
BLANK = ""
"""The text of CTC's last output."""
VALIDATION_SEED = 1 << 20
"""Added to the seed of synthetic lines for validation."""
SCORED_TOGETHER = 16
"""Lines whose windows are scored at once; thousands would need gigabytes."""


def run(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Trains or resumes, scores the held-out lines; returns the job's last line.

    `started` is the start of the process, in seconds of `time.time`.
    """
    return job.run(config, workdir, started, prepare)


def prepare(config: Config, mesh: Mesh, workdir: Path) -> Job:
    """A network that reads lines, by CTC or window by window, ready to train."""
    setup = set_up(config)
    data, loop = setup.data, config.loop
    at = batches(config, data, loop.batch_size)
    return Job(
        data=data.train.name,
        about="",
        examples=data.train.count or config.lines.epoch,
        params=setup.params,
        model_state=setup.model_state,
        step=lambda optimizer: make_step(setup.encoder, optimizer, loss_for(config)),
        batches=lambda start: stream(at, start, loop.overfit_batches),
        scoring=lambda start: Scoring(setup),
        finish=lambda scores, state: finish(config, setup, state),
        use="strokejax lines read IMAGE",
        best_by="accuracy",
    )


# Data


class LineData(NamedTuple):
    """The training set and the held-out lines."""

    name: str
    """Name of the held-out set."""
    train: LineSet
    valid: list[Line]
    alphabet: tuple[str, ...]


def load_lines(config: Config) -> LineData:
    """The data sets of a config, and the characters that they contain."""
    name = config.data.name
    train, valid = _load(config, name, "train"), _load(config, name, "validation")
    for other, share in shares(config.data.also):
        train = mixed(train, _load(config, other, "train"), share)
    count = valid.count or config.lines.valid
    held_out = _readable(valid, min(count, config.data.limit_valid or count))
    alphabet = (*ASCII, *sorted(train.characters - {*ASCII, "\n", "\t", "\xa0"}))
    return LineData(valid.name, train, held_out, alphabet)


def _load(config: Config, name: str, split: str) -> LineSet:
    root = config.data.root or None
    if name == "unipen_text":
        return unipen_lines(split, root, words=split == "train")
    if name == "folder":
        if not root:
            raise InputError(
                "config.data.name='folder' needs config.data.root, a folder with "
                "lines.tsv."
            )
        return folder_lines(Path(root), split)
    if name == "cremma":
        return cremma_lines(split, root)
    return _load_synthetic(config, split, root)


def _load_synthetic(config: Config, split: str, root: str | None) -> LineSet:
    settings = config.lines
    overlap = parse_overlap(settings.overlap, "config.lines.overlap")
    seed = config.seed + VALIDATION_SEED * (split == "validation")
    file, length = settings.text, settings.length
    texts = read_texts(Path(file)) if file else random_texts(load_words("en"), seed)
    source = load_glyphs(
        settings.glyphs,
        split,
        root,
        writers=config.data.writers,
        samples=config.data.samples,
    )
    if config.model.name == WINDOWS:
        length = cell_count(length)
        return published_lines(source, texts, overlap=overlap, length=length, seed=seed)
    return synthetic_lines(source, texts, overlap=overlap, length=length, seed=seed)


def _readable(lines: LineSet, count: int) -> list[Line]:
    """The first `count` lines that can be normalised; a blank scan cannot."""
    readable = []
    for i in range(lines.count or 3 * count):
        if len(readable) < count and (line := lines.line(i, False)):
            with suppress(InputError):
                normalise_line(line.picture)
                readable.append(line)
    if not readable:
        raise InputError(f"{lines.name} has no readable line; give pictures of lines.")
    return readable


def mixed(one: LineSet, other: LineSet, share: float) -> LineSet:
    """An endless set; each line comes from `other` with probability `share`."""

    def line(i: int, train: bool) -> Line | None:
        rng = np.random.default_rng([11, i])
        if rng.random() < share:
            return other.line(int(rng.integers(2**31)), train)
        return one.line(i, train)

    name = f"{one.name} + {share:g} {other.name}"
    characters = one.characters | other.characters
    return LineSet(name, 0, characters, line, one.group_kind)


# Network


class Setup(NamedTuple):
    """Network and data of a job, before any step."""

    spec: EncoderSpec
    encoder: Encoder
    params: PyTree
    model_state: PyTree
    data: LineData
    outputs: tuple[str, ...]
    """Names of the network's outputs, without CTC's blank, which is the last."""

    def reader(self, params: PyTree, model_state: PyTree) -> LineReader:
        """The reader with these weights."""
        return LineReader(
            self.spec, self.encoder, params["encoder"], model_state, self.outputs
        )


def set_up(config: Config) -> Setup:
    """The config's data and network, with random weights or those of a stored model."""
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
        network, model_state = _warm_start(config, spec, outputs, network)
    params = {"encoder": network, "table": {}}
    return Setup(spec, encoder, params, model_state, data, outputs)


def _warm_start(
    config: Config, spec: EncoderSpec, outputs: tuple[str, ...], network: PyTree
):
    """A stored reader's weights; outputs are matched by name, new ones stay random."""
    stored = load_model(config.model.init)
    reader = from_stored(stored)
    if stored.spec.architecture != spec.architecture:
        raise InputError(
            f"The model {config.model.init} is a {stored.spec.architecture}; set "
            f"config.model.name to that, or config.model.init='none'."
        )
    encoder = stored.encoder
    if spec.architecture != WINDOWS:  # the classes of windows are always the same
        index = {name: i for i, name in enumerate((*reader.outputs, BLANK))}
        out = {name: np.array(leaf) for name, leaf in network["out"].items()}
        for i, name in enumerate((*outputs, BLANK)):
            if name in index:
                for key, leaf in out.items():
                    leaf[..., i] = encoder["out"][key][..., index[name]]
        encoder = {**encoder, "out": out}
    return jax.tree.map(jax.numpy.asarray, (encoder, stored.model_state))


# Batches and loss


def batches(config: Config, data: LineData, size: int) -> Callable[[int], Batch]:
    """This process's rows of global batches, by step."""
    rows, seed = local_slice(size), config.seed
    if config.model.name == WINDOWS:
        length = cell_count(config.lines.length)
        return window_batches(data.train, size, length, rows=rows)
    return line_batches(data.train, data.alphabet, size, seed=seed, rows=rows)


def loss_for(config: Config) -> Callable:
    """The `loss_fn` of `make_step` for the config's network."""
    return _window_loss if config.model.name == WINDOWS else _ctc_loss


def _ctc_loss(
    table: PyTree, logits: jax.Array, batch: Batch
) -> tuple[jax.Array, jax.Array]:
    """CTC over the steps of each line; a line is correct without an error."""
    steps = step_count(batch.inputs["width"])
    loss = ctc.loss(logits, steps, batch.labels, batch.mask)
    texts = ctc.greedy(logits, steps, MAX_LETTERS)
    return loss, (texts == batch.labels).all(1)


def _window_loss(table: PyTree, logits: jax.Array, batch: Batch):
    """Cross entropy of all windows, padding included; correct as in `_ctc_loss`."""
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)
    mean = (nats.mean(1) * batch.mask).sum() / jax.numpy.maximum(batch.mask.sum(), 1)
    return mean, (logits.argmax(-1) == batch.labels).all(1)


# Scores


class Scoring:
    """Scores states on the held-out lines, one after each epoch."""

    def __init__(self, setup: Setup):
        self._setup = setup

    def __call__(self, state: TrainState) -> dict[str, float]:
        """Error rates; accuracy is 1 - CER, top1 the share of errorless lines."""
        figures = score(self._setup, state)[0]
        numbers = {k: v for k, v in figures.items() if isinstance(v, float)}
        return numbers | {"accuracy": 1 - figures["cer"], "top1": figures["exact"]}

    def close(self) -> None:
        """Does nothing: no file is open."""


def score(setup: Setup, state: TrainState) -> tuple[dict[str, Any], list[str]]:
    """`line_scores` of the greedy readings of the held-out lines, and the readings.

    For windows, `window_scores` as well.
    """
    reader = setup.reader(state.params, state.model_state)
    held_out = setup.data.valid
    readings = reader.read_greedily([reader.prepare(line.picture) for line in held_out])
    truth = [line.text for line in held_out]
    figures = line_scores(readings, truth, [line.group for line in held_out])
    if setup.spec.architecture == WINDOWS:
        length, parts = held_out[0].picture.shape[1] // SIZE, []
        for start in range(0, len(held_out), SCORED_TOGETHER):
            batch = collate_windows(held_out[start : start + SCORED_TOGETHER], length)
            parts.append((reader.logits(batch.inputs).argmax(-1), batch.labels))
        best, labels = map(np.concatenate, zip(*parts, strict=True))
        figures |= window_scores(best, labels)
    return figures, readings


def window_scores(best: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracies of windows, i32[n l] each: with padding, and without it.

    "always_padding" is the accuracy of answering padding everywhere.
    """
    right, padding = best == labels, labels == CLASS_INDEX[PAD]
    return {
        "windows": float(right.mean()),
        "windows_without_padding": float(right[~padding].mean()),
        "always_padding": float(padding.mean()),
    }


# Report and stored model


def finish(config: Config, setup: Setup, state: TrainState) -> Result:
    """Scores, report and model of the best state."""
    figures, readings = score(setup, state)
    held_out = setup.data.valid
    low, high = figures["interval95"]

    def report(path: Path, command: str, seconds: float) -> None:
        write_line_report(
            path,
            title=f"lines of {setup.data.train.name}, {config.model.name}",
            lines=[line.picture for line in held_out],
            truth=[line.text for line in held_out],
            readings=readings,
            figures=figures,
            history=read_jsonl(path.with_name("metrics.jsonl")),
            config=config.to_dict(),
            command=command,
        )

    summary = (
        f"{setup.data.name}, {figures['n']:,} lines that training never saw:\n"
        f"  character errors {figures['cer']:.3f} [{low:.3f}, {high:.3f}], without "
        f"case {figures['cer_lower_case']:.3f}, word errors {figures['wer']:.3f}"
    )
    return Result(figures, summary, state, partial(stored_reader, setup), report)


def stored_reader(
    setup: Setup, state: TrainState, about: dict[str, Any]
) -> StoredModel:
    """The model to store; the weights of the state are numpy arrays."""
    names = tuple(SPACE if c == " " else c for c in setup.outputs)
    return model_without_table(
        setup.spec, state.params["encoder"], state.model_state, names, about
    )
