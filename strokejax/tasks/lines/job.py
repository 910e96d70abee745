"""After the training of a reader: its readings, its model, its report."""

import shlex
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from strokejax import __version__
from strokejax.config import Config
from strokejax.config_config_checks import shares
from strokejax.data.pipeline import stream
from strokejax.data.texts import random_texts, read_texts
from strokejax.networks.spec import WINDOWS, EncoderSpec, build_encoder, line_height
from strokejax.pictures.lines import normalise_line
from strokejax.search import ctc
from strokejax.search.character_model import load_words
from strokejax.settings import LINE_DATA
from strokejax.store.model import StoredModel, load_model, no_calibration, save_model
from strokejax.table.symbols import SPACE, SymbolTable
from strokejax.table.table import init_slots
from strokejax.tasks.lines.batches import LETTERS, line_batches
from strokejax.tasks.lines.data import (
    Line,
    LineSet,
    cremma_lines,
    folder_lines,
    unipen_lines,
)
from strokejax.tasks.lines.emnist_lines import (
    CLASSES,
    NUMBER,
    PAD,
    SIZE,
    cells,
    published_lines,
    window_batches,
    windows,
)
from strokejax.tasks.lines.network import steps
from strokejax.tasks.lines.reader import LineReader, from_stored
from strokejax.tasks.lines.report import write_line_report
from strokejax.tasks.lines.scores import line_scores
from strokejax.tasks.lines.sources import glyphs_of, lines_by, overlap_of
from strokejax.train.distributed import (
    check_batch_size,
    data_mesh,
    local_slice,
    to_host,
    together,
)
from strokejax.train.job import check_owner, claim, plan_of, train_by
from strokejax.train.logging import read_jsonl
from strokejax.train.state import TrainState
from strokejax.train.steps import make_step
from strokejax.types import Batch, Encoder, InputError, PyTree

# The lines of a job, as its config asks for them.


ASCII = tuple(chr(code) for code in range(32, 127))
SEED_OF_VALID = 1 << 20


class LineData(NamedTuple):
    """What is trained on and what is held out."""

    name: str
    train: LineSet
    valid: list[Line]
    alphabet: tuple[str, ...]


def load_lines(config: Config) -> LineData:
    """Lines to train on, held-out lines, and the characters they are made of."""
    name = config.data.name
    if config.model.name == WINDOWS and (name != LINE_DATA[0] or config.data.also):
        raise InputError(
            f"The model {WINDOWS!r} reads published lines alone; set config.data.name="
            f"{LINE_DATA[0]!r} and config.data.also='', or choose another model."
        )
    train, valid = _set(config, name, "train"), _set(config, name, "validation")
    for other, share in shares(config.data.also):
        if other not in LINE_DATA or other == name or not 0 < share < 1:
            raise InputError(
                f"config.data.also has {other!r} with {share:g}; in the job 'lines' it "
                f"takes others than {name!r} of {', '.join(LINE_DATA)}, and the share "
                f"of lines that are theirs, like 'unipen_text:0.4'."
            )
        train = mixed(train, _set(config, other, "train"), share)
    count = valid.count or config.lines.valid
    held_out = _readable(valid, min(count, config.data.limit_valid or count))
    alphabet = (*ASCII, *sorted(train.characters - {*ASCII, "\n", "\t", "\xa0"}))
    return LineData(valid.name, train, held_out, alphabet)


def _readable(lines: LineSet, count: int) -> list[Line]:
    """The first so many that are lines; a blank scan or a lone dash is none."""
    found = []
    for i in range(lines.count or 3 * count):
        if len(found) < count and (line := lines.line(i, False)):
            with suppress(InputError):
                normalise_line(line.picture)
                found.append(line)
    if not found:
        raise InputError(
            f"{lines.name} has no line that can be read; give pictures of lines."
        )
    return found


def _set(config: Config, name: str, split: str) -> LineSet:
    root = config.data.root or None
    if name == "unipen_text":
        return unipen_lines(split, root, words=split == "train")
    if name == "folder":
        if not root:
            raise InputError(
                "config.data.name='folder' wants config.data.root, the folder with "
                "lines.tsv."
            )
        return folder_lines(Path(root), split)
    if name == "cremma":
        return cremma_lines(split, root)
    overlap = overlap_of(config.lines.overlap, "config.lines.overlap")
    seed = config.seed + SEED_OF_VALID * (split == "validation")
    file, length = config.lines.text, config.lines.length
    texts = read_texts(Path(file)) if file else random_texts(load_words("en"), seed)
    source = glyphs_of(
        config.lines.glyphs,
        split,
        root,
        hands=config.data.writers,
        samples=config.data.samples,
    )
    if config.model.name == WINDOWS:
        length = cells(length)
        return published_lines(source, texts, overlap=overlap, length=length, seed=seed)
    return lines_by(source, texts, overlap=overlap, length=length, seed=seed)


def mixed(one: LineSet, other: LineSet, share: float) -> LineSet:
    """A set whose lines are of `other` with that probability."""

    def line(i: int, train: bool) -> Line | None:
        rng = np.random.default_rng([11, i])
        if rng.random() < share:
            return other.line(int(rng.integers(2**31)), train)
        return one.line(i, train)

    name = f"{one.name} + {share:g} {other.name}"
    characters = one.characters | other.characters
    return LineSet(name, 0, characters, line, one.group_kind)


# What the job "lines" trains: network, data, batches and loss.


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


PART = 16
"""Lines whose windows are looked at together: thousands need gigabytes."""


def scores(setup: Setup, state: TrainState) -> tuple[dict[str, Any], list[str]]:
    """`line_scores` of the most probable readings of held-out lines, and these."""
    reader = setup.reader(state.params, state.model_state)
    held_out = setup.data.valid
    read = reader.read_greedily([reader.prepare(line.picture) for line in held_out])
    truth = [line.text for line in held_out]
    found = line_scores(read, truth, [line.group for line in held_out])
    if setup.spec.architecture == WINDOWS:
        length, parts = held_out[0].picture.shape[1] // SIZE, []
        for start in range(0, len(held_out), PART):
            batch = windows(held_out[start : start + PART], length)
            parts.append((reader.logits(batch.inputs).argmax(-1), batch.labels))
        best, labels = map(np.concatenate, zip(*parts, strict=True))
        found |= window_scores(best, labels)
    return found, read


def finish(
    config: Config, workdir: Path, setup: Setup, state: TrainState, started: float
) -> dict[str, Any]:
    """Readings of the held-out lines by the best state; its model and the report."""
    figures, read = scores(setup, state)
    paths = {
        "report": workdir / "report.html",
        "checkpoint": workdir / "checkpoints",
        "model": workdir / "model",
    }
    params, model_state = to_host((state.params, state.model_state))
    with together():
        if jax.process_index() == 0:
            about = {
                "job": config.job,
                "data": setup.data.train.name,
                "seed": config.seed,
                "step": int(state.step),
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "strokejax": __version__,
                "metrics": figures,
            }
            weights = state._replace(params=params, model_state=model_state)
            save_model(paths["model"], stored_reader(setup, weights, about))
            write_line_report(
                paths["report"],
                title=f"lines of {setup.data.train.name}, {config.model.name}",
                lines=[line.picture for line in setup.data.valid],
                truth=[line.text for line in setup.data.valid],
                read=read,
                figures=figures,
                history=read_jsonl(workdir / "metrics.jsonl"),
                config=config.to_dict(),
                command=shlex.join(["python", "-m", "strokejax.launch", *sys.argv[1:]]),
            )
            _tell(setup.data, figures, paths)
    seconds = round(time.time() - started, 1)
    return {k: str(v) for k, v in paths.items()} | {
        "seconds": seconds,
        "metrics": figures,
    }


def stored_reader(
    setup: Setup, state: TrainState, about: dict[str, Any]
) -> StoredModel:
    """A state whose weights are numpy arrays, as a model to store."""
    names = tuple(SPACE if c == " " else c for c in setup.outputs)
    count = setup.spec.out_dim
    return StoredModel(
        setup.spec,
        state.params["encoder"],
        state.model_state,
        {},
        to_host(init_slots(np.zeros(count, bool), 1)),
        SymbolTable(names),
        about,
        no_calibration({}, 1),
        np.full(count, -1, np.int32),
        change={"verb": "lines", "made": about["made"]},
    )


def _tell(data: LineData, figures: dict[str, Any], paths: dict[str, Path]) -> None:
    low, high = figures["interval95"]
    print(
        f"{data.name}, {figures['n']:,} lines that training never saw:\n"
        f"  character errors {figures['cer']:.3f} [{low:.3f}, {high:.3f}], without "
        f"case {figures['cer_lower_case']:.3f}, word errors {figures['wer']:.3f}\n"
        f"The report: {paths['report']}\n"
        f"The model:  {paths['model']}  (strokejax lines read IMAGE --model "
        f"{paths['model']})",
        file=sys.stderr,
    )


# The job "lines": a network that reads lines, by CTC or window by window.


def run(config: Config, workdir: Path, started: float) -> dict[str, Any]:
    """Trains (or goes on), reads the held-out lines, reports, exports a model.

    Returns the job's last line. `started` is when the process began, in seconds of
    `time.time`.
    """
    mesh = data_mesh()
    with together():
        check_owner(workdir, config)
        check_batch_size(config.loop.batch_size, mesh)
        setup = prepare(config)
    claim(workdir, config)
    data, loop = setup.data, config.loop
    at = batches(config, data, loop.batch_size)

    def step(optimizer: Any):
        return make_step(setup.encoder, optimizer, measure_by(config))

    _, state, steps = train_by(
        config,
        workdir,
        mesh,
        plan=plan_of(config, data.train.count or config.lines.epoch, "accuracy"),
        params=setup.params,
        model_state=setup.model_state,
        step=step,
        batches=lambda start: stream(at, start, loop.overfit_batches),
        scoring=lambda start: Scoring(setup),
    )
    line = {"job": config.job, "workdir": str(workdir), "steps": steps}
    return line | finish(config, workdir, setup, state, started)


class Scoring:
    """Called with a state after each epoch: errors on the held-out lines."""

    def __init__(self, setup: Setup):
        self._setup = setup

    def __call__(self, state: TrainState) -> dict[str, float]:
        """Scores; accuracy is 1 - CER, top1 the share of lines without an error."""
        found = scores(self._setup, state)[0]
        figures = {k: v for k, v in found.items() if isinstance(v, float)}
        return figures | {"accuracy": 1 - found["cer"], "top1": found["exact"]}

    def close(self) -> None:
        """Nothing is held."""
