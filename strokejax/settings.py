"""One table of settings: each field's default, legal values, unit and meaning.

`config.default_config` is made of it, `config.validate` checks by it, and the help of
`strokejax.launch` and `docs/settings.md` print it. A task adds its own fields.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple

from strokejax.types import InputError

Config = Any
"""A ConfigDict; its fields have no static types, `config.validate` checks them."""


class Field(NamedTuple):
    """One setting of a job."""

    default: Any
    about: str
    low: float | None = None
    """The least and the greatest legal number, None for a text or a truth value."""
    high: float | None = None
    choices: tuple[str, ...] = ()
    """The legal texts, none where any is."""
    unit: str = ""

    @property
    def legal(self) -> str:
        """The legal values as people read them."""
        if self.choices:
            return ", ".join(self.choices)
        if self.low is None or self.high is None:
            return "True or False" if isinstance(self.default, bool) else "a text"
        number = ",.0f" if isinstance(self.default, int) else "g"
        return f"{self.low:{number}} to {self.high:{number}}"


Fields = Mapping[str, Mapping[str, Field]]
"""Fields by section and name; the section "" is the config itself."""


class Task(NamedTuple):
    """What the engine is used for; `strokejax.tasks.ALL` lists them.

    The folder of a task holds `command`, `job` and `page`, which are found by these
    names and imported when they are first used.
    """

    name: str
    about: str
    """What its models do, to end a sentence: "reads lines of handwriting"."""
    verbs: Mapping[str, str]
    """Its commands, `strokejax VERB`, and the module of its folder that holds each."""
    jobs: tuple[str, ...]
    """Values of `config.job` that it runs."""
    data: tuple[str, ...]
    """Values of `config.data.name` that it trains on."""
    architectures: tuple[str, ...]
    """Values of `config.model.name`, and of the specs of its stored models."""
    packaged: tuple[str, ...]
    """The models that come with the package, the usual one first."""
    accepts: tuple[str, ...] = ()
    """Other tasks whose models its commands work with, too."""
    evaluates: tuple[str, ...] = ()
    """Endings of the labelled files that `strokejax evaluate` hands to it."""
    scoring: str = "command"
    """The module with `evaluate_options`, `evaluate` and `show_scores` for these."""
    fields: Fields = MappingProxyType({})
    """Settings beside the shared ones."""
    check: Callable[[Config], None] | None = None
    """InputError for fields that do not go together."""
    package: str = ""
    """Where its folder is imported from; "" is strokejax.tasks.NAME."""

    def part(self, name: str) -> Any:
        """The module of that name in the task's folder."""
        return import_module(f"{self.package or f'strokejax.tasks.{self.name}'}.{name}")


def merged(*tables: Fields) -> dict[str, dict[str, Field]]:
    """Tables of fields as one, sections in the order in which they first come."""
    result: dict[str, dict[str, Field]] = {}
    for table in tables:
        for section, fields in table.items():
            known = result.setdefault(section, {})
            if twice := known.keys() & fields.keys():
                raise ValueError(f"config.{section} has {sorted(twice)} twice")
            known.update(fields)
    return result


PAIR_LOSSES = ("prototypical", "supcon", "contrastive", "triplet")
"""Metric-learning losses: each batch has several examples of each of its classes."""
LOSSES = ("proxy", "margin", *PAIR_LOSSES)
SOFTMAX = "softmax"
"""The loss of a class head on top of the embedding; its rows are no embeddings."""
MEANS = (*PAIR_LOSSES, SOFTMAX)
"""Losses after which the table's rows are means of embeddings."""
WITH_MARGIN = ("margin", "contrastive", "triplet")

SHARED: Fields = {
    "": {
        "mode": Field(
            "nn-sampling",
            "nn-sampling: rows of a table, the nearest wins; argmax: a class head",
            choices=("nn-sampling", "argmax"),
        ),
        "seed": Field(0, "of all random numbers", 0, 2**31 - 1),
        "sanity": Field(
            "none",
            "overfit_one_batch must reach zero loss, zero_inputs must not learn",
            choices=("none", "overfit_one_batch", "zero_inputs"),
        ),
    },
    "data": {
        "root": Field(
            "",
            "folder of the data, or its file; empty: $STROKEJAX_DATA, or the collected "
            "folder of scribble",
        ),
        "also": Field(
            "",
            "more data sets, each with rows of its own, and how often an epoch sees "
            "them: omniglot,detexify:2,mnist:0.3",
        ),
        "writers": Field(40, "synthetic: writers of the training set", 1, 10_000),
        "samples": Field(
            5,
            "synthetic: samples of each writer and symbol; fonts: pictures of each "
            "font; lines: samples of each hand and character",
            1,
            1_000,
        ),
        "points": Field(64, "that an ink is resampled to", 8, 1_024, unit="points"),
        "limit_train": Field(0, "examples to train on; 0: all", 0, 1e9),
        "limit_valid": Field(0, "held-out examples; 0: all", 0, 1e9),
    },
    "raster": {
        "size": Field(32, "side of the picture, or its height", 8, 256, unit="pixels"),
        "margin": Field(2, "between edge and drawing", 0, 64, unit="pixels"),
        "width": Field(2.5, "the pen at inference", 0.5, 32, unit="pixels"),
    },
    "model": {
        "init": Field(
            "packaged",
            "weights to begin with: packaged, none (random), or the path of a model or "
            "run",
        ),
        "norm": Field("batch", "normalisation layers", choices=("batch", "group")),
        "embed_dim": Field(128, "dimensions of the embedding", 2, 4_096),
        "channels": Field(1.0, "channels over the usual ones", 0.25, 4),
        "convs": Field(2, "convolutions of each block over the picture", 1, 2),
        "capacity": Field(128, "slots of the table", 2, 1_000_000),
        "channel_dropout": Field(0.1, "share of channels dropped", 0, 0.95),
        "dropout": Field(0.25, "share of features dropped", 0, 0.95),
    },
    "augment": {
        "enabled": Field(True, "whether training inputs are augmented"),
        "rotation": Field(12.0, "greatest rotation", 0, 180, unit="degrees"),
        "shear": Field(0.25, "greatest shear", 0, 2),
        "aspect": Field(0.2, "greatest change of the aspect ratio", 0, 2),
        "scale": Field(0.08, "greatest change of size", 0, 0.9),
        "shift": Field(0.03, "greatest shift, as a share of the side", 0, 1),
        "elastic": Field(0.03, "greatest elastic displacement, of the side", 0, 1),
        "jitter": Field(0.01, "deviation of each point, of the side", 0, 1),
        "width_low": Field(1.5, "thinnest pen", 0.1, 32, unit="pixels"),
        "width_high": Field(3.5, "thickest pen", 0.1, 32, unit="pixels"),
    },
    "loss": {
        "name": Field(
            "proxy",
            "proxy: softmax over the table's rows; margin: with an angle between "
            "them; softmax: over a class head's; the others compare the examples of a "
            "batch",
            choices=(*LOSSES, SOFTMAX),
        ),
        "margin": Field(
            0.0, "of margin, contrastive and triplet; 0: the usual one of each", 0, 1.5
        ),
        "classes_per_batch": Field(
            32, "of the losses that compare the examples of a batch", 2, 1e6
        ),
        "label_smoothing": Field(0.02, "probability spread over all classes", 0, 0.99),
        "class_weights": Field(False, "whether classes weigh by inverse frequency"),
        "prior": Field(0.0, "weight of the log prior in training logits", 0, 2),
        "scale": Field(16.0, "initial scale of nn-sampling", 1e-3, 1e3),
        "learn_scale": Field(True, "whether that scale is trained"),
    },
    "optim": {
        "train": Field(
            "all",
            "what is trained; block3_head: as published",
            choices=("all", "block3_head", "table"),
        ),
        "learning_rate": Field(1e-3, "peak learning rate", 0, 10),
        "weight_decay": Field(0.05, "decoupled weight decay", 0, 10),
        "clip_norm": Field(0.0, "greatest gradient norm; 0: any", 0, 1e6),
        "warmup": Field(0.1, "share of the steps", 0, 1),
        "end": Field(0.0, "final learning rate over the peak", 0, 1),
        "schedule": Field(
            "cosine",
            "milestones: a tenth after each of these; plateau: half whenever an "
            "epoch's loss is no better",
            choices=("cosine", "milestones", "plateau"),
        ),
        "milestones": Field("0.6,0.85", "rising shares of the steps"),
    },
    "loop": {
        "epochs": Field(3, "passes over the training set", 1, 100_000),
        "steps": Field(0, "training steps; 0: by epochs", 0, 1e9),
        "batch_size": Field(128, "examples of a step, over all devices", 1, 1_000_000),
        "checkpoint_every": Field(200, "between checkpoints", 1, 1e9, unit="steps"),
        "log_every": Field(20, "between lines of the log", 1, 1e9, unit="steps"),
        "patience": Field(
            0, "epochs without a better score before stopping; 0: never stop", 0, 1e6
        ),
        "statistics": Field(
            50, "batches that re-estimate BatchNorm; 0: the running ones", 0, 1e6
        ),
        "limit_train_batches": Field(0, "batches of an epoch; 0: all", 0, 1e9),
        "overfit_batches": Field(
            0, "train on so many batches over and over; 0: on all", 0, 1e6
        ),
        "keep_best": Field(1, "checkpoints of the best states to keep", 1, 1_000),
    },
    "sweep": {
        "trials": Field(20, "trainings to try", 1, 100_000),
        "examples": Field(60_000, "that a trial sees in training", 1, 1e12),
        "score": Field(
            "top1",
            "top1 of the hold-out set, or one_shot of 20 classes",
            choices=("top1", "one_shot"),
        ),
        "embed_dim": Field("32:256", "LOW:HIGH, or one value"),
        "channels": Field("0.5:1.5", "LOW:HIGH, or one value"),
        "learning_rate": Field("1e-3:1e-2", "LOW:HIGH, or one value"),
        "weight_decay": Field("1e-3:0.3", "LOW:HIGH, or one value"),
        "augment": Field("0.5:1.5", "times all that `augment` allows"),
        "losses": Field(",".join(LOSSES), "losses to try"),
    },
    "log": {
        "tensorboard": Field(False, "whether to write events for TensorBoard"),
        "wandb": Field("", "project of Weights & Biases; empty: none"),
        "profile": Field("", "steps to trace, FIRST:LAST; empty: none"),
    },
}


def milestones(optim: Config) -> tuple[float, ...]:
    """The shares of the steps in `config.optim.milestones`, rising."""
    try:
        shares = tuple(map(float, filter(None, optim.milestones.split(","))))
    except ValueError:
        shares = (2.0,)
    if [*shares] != sorted(shares) or not all(0 < share < 1 for share in shares):
        raise InputError(
            f"config.optim.milestones is {optim.milestones!r}; write rising shares of "
            f"the steps between 0 and 1, like '0.6,0.85'."
        )
    return shares


def shares(also: str) -> list[tuple[str, float]]:
    """The data sets of `config.data.also` and how often an epoch sees each."""
    result = []
    for entry in filter(None, map(str.strip, also.split(","))):
        name, _, share = entry.partition(":")
        try:
            result.append((name.strip(), float(share or 1)))
        except ValueError:
            raise InputError(
                f"config.data.also has {entry!r}; write NAME or NAME:TIMES, like "
                f"'mnist:0.3'."
            ) from None
    return result


def check_loss(config: Config) -> None:
    """InputError for a loss that does not suit the batch, the mode or the training."""
    loss, batch = config.loss, config.loop.batch_size
    if config.mode == "argmax" and loss.name != "proxy":
        raise InputError(
            f"config.loss.name={loss.name!r} is for embeddings; in mode 'argmax' use "
            f"'proxy'."
        )
    if loss.margin and loss.name not in WITH_MARGIN:
        raise InputError(
            f"config.loss.margin of {loss.margin:g} means nothing to {loss.name!r}; "
            f"set it to 0, or choose one of {', '.join(map(repr, WITH_MARGIN))}."
        )
    if loss.name not in PAIR_LOSSES:
        return
    if batch % loss.classes_per_batch or batch < 2 * loss.classes_per_batch:
        raise InputError(
            f"config.loop.batch_size of {batch} does not hold 2 or more examples of "
            f"each of {loss.classes_per_batch} classes; make it a multiple of "
            f"config.loss.classes_per_batch."
        )
    if loss.class_weights or loss.prior:
        raise InputError(
            f"config.loss.class_weights and prior do nothing for {loss.name!r}, whose "
            f"batches hold as many examples of each class; leave them off."
        )
    if config.optim.train == "table":
        raise InputError(
            f"config.loss.name={loss.name!r} trains no table; with config.optim.train="
            f"'table' use 'proxy' or 'margin'."
        )


def _limits(section: str, name: str) -> tuple[float, float]:
    field = SHARED[section][name]
    return field.low or 1e-9, field.high or 0.0


SPANS = {
    "embed_dim": _limits("model", "embed_dim"),
    "channels": _limits("model", "channels"),
    "learning_rate": _limits("optim", "learning_rate"),
    "weight_decay": _limits("optim", "weight_decay"),
    "augment": (0.0, 4.0),
}
"""Settings of `config.sweep` that are spans, and their limits."""


def span(config: Config, name: str) -> tuple[float, float]:
    """LOW and HIGH of a setting of `config.sweep`; InputError says what is wrong."""
    text, (least, most) = config.sweep[name], SPANS[name]
    low, _, high = text.partition(":")
    try:
        ends = float(low), float(high or low)
    except ValueError:
        ends = (1.0, 0.0)
    if not least <= ends[0] <= ends[1] <= most:
        raise InputError(
            f"config.sweep.{name} is {text!r}; write LOW:HIGH, or one value, within "
            f"{least:g} to {most:g}."
        )
    return ends


def check_sweep(config: Config) -> None:
    """InputError for a sweep whose spans or losses cannot be tried."""
    for name in SPANS:
        span(config, name)
    if config.mode == "argmax":
        raise InputError(
            "A sweep searches embeddings, which mode 'argmax' has not; use "
            "config.mode='nn-sampling'."
        )
    for name in config.sweep.losses.split(","):
        if name not in LOSSES:
            raise InputError(
                f"config.sweep.losses has {name!r}; list some of {','.join(LOSSES)}."
            )
        tried = config.copy_and_resolve_references()
        tried.loss.name = name
        check_loss(tried)
