"""The table of settings: default, legal values, unit and meaning of each field.

`config.default_config`, `config.validate`, the help of `strokejax.launch` and
`docs/settings.md` derive from it. A task adds its own fields.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple

from strokejax.types import InputError

Config = Any
"""A ConfigDict; its fields have no static types: `config.validate` checks them."""


class Field(NamedTuple):
    """One setting of a job."""

    default: Any
    about: str
    low: float | None = None
    """The least legal number; None for texts and booleans, also in `high`."""
    high: float | None = None
    choices: tuple[str, ...] = ()
    """The legal texts; empty if any text is legal."""
    unit: str = ""

    @property
    def legal(self) -> str:
        """The legal values in words."""
        if self.choices:
            return ", ".join(self.choices)
        if self.low is None or self.high is None:
            return "True or False" if isinstance(self.default, bool) else "any string"
        number = ",.0f" if isinstance(self.default, int) else "g"
        return f"{self.low:{number}} to {self.high:{number}}"


Fields = Mapping[str, Mapping[str, Field]]
"""Fields by section and name; the section "" is the config itself."""


class Task(NamedTuple):
    """A task, such as reading lines; `strokejax.tasks.ALL` lists them.

    `part` imports the modules in the folder of a task, such as `command`, `job` and
    `page`, by name on first use.
    """

    name: str
    about: str
    """The predicate for its models: "reads lines of handwriting"."""
    verbs: Mapping[str, str]
    """Its commands, `strokejax VERB`, and the module that defines each."""
    jobs: tuple[str, ...]
    """Values of `config.job`."""
    data: tuple[str, ...]
    """Values of `config.data.name`."""
    architectures: tuple[str, ...]
    """Values of `config.model.name` and of `EncoderSpec.architecture`."""
    packaged: tuple[str, ...]
    """Its packaged models, the default first."""
    accepts: tuple[str, ...] = ()
    """Other tasks whose models its commands accept."""
    evaluates: tuple[str, ...] = ()
    """File name endings of labelled data that it scores in `strokejax evaluate`."""
    scoring: str = "command"
    """The module with `evaluate_options`, `evaluate` and `show_scores`."""
    fields: Fields = MappingProxyType({})
    """Settings in addition to the shared ones."""
    check: Callable[[Config], None] | None = None
    """Raises InputError for incompatible fields."""
    package: str = ""
    """The package of its folder; "" means strokejax.tasks.NAME."""

    def part(self, name: str) -> Any:
        """Imports a module from the folder of the task."""
        return import_module(f"{self.package or f'strokejax.tasks.{self.name}'}.{name}")


def merged(*tables: Fields) -> dict[str, dict[str, Field]]:
    """Merges tables of fields; ValueError for a field that two of them define."""
    result: dict[str, dict[str, Field]] = {}
    for table in tables:
        for section, fields in table.items():
            target = result.setdefault(section, {})
            if duplicates := target.keys() & fields.keys():
                raise ValueError(f"config.{section} has {sorted(duplicates)} twice")
            target.update(fields)
    return result


PAIR_LOSSES = ("prototypical", "supcon", "contrastive", "triplet")
"""Metric-learning losses; a batch has several examples of each of its classes."""
LOSSES = ("proxy", "margin", *PAIR_LOSSES)
SOFTMAX = "softmax"
"""Cross entropy of a class head on the embedding; its rows are not embeddings."""
MEANS = (*PAIR_LOSSES, SOFTMAX)
"""Losses after which the rows of the table become means of embeddings."""
WITH_MARGIN = ("margin", "contrastive", "triplet")

FORMER_NAMES = {"usual_size": "reference_size"}
"""Former names of settings, read until release 0.3."""

SHARED: Fields = {
    "": {
        "mode": Field(
            "nn-sampling",
            "nn-sampling: the nearest row of a table; argmax: a class head",
            choices=("nn-sampling", "argmax"),
        ),
        "seed": Field(0, "seed of all random numbers", 0, 2**31 - 1),
        "sanity": Field(
            "none",
            "overfit_one_batch must reach zero loss, zero_inputs must learn nothing",
            choices=("none", "overfit_one_batch", "zero_inputs"),
        ),
    },
    "data": {
        "root": Field(
            "",
            "folder or file of the data; empty: $STROKEJAX_DATA, or for scribble the "
            "collected folder",
        ),
        "also": Field(
            "",
            "more data sets, each with its own rows, and their passes per epoch: "
            "omniglot,detexify:2,mnist:0.3",
        ),
        "writers": Field(40, "synthetic: writers of the training set", 1, 10_000),
        "samples": Field(
            5,
            "synthetic: samples of each writer and symbol; fonts: pictures of each "
            "font; lines: samples of each hand and character",
            1,
            1_000,
        ),
        "points": Field(64, "length of a resampled ink", 8, 1_024, unit="points"),
        "limit_train": Field(0, "training examples; 0: all", 0, 1e9),
        "limit_valid": Field(0, "held-out examples; 0: all", 0, 1e9),
    },
    "raster": {
        "size": Field(32, "side or height of the picture", 8, 256, unit="pixels"),
        "margin": Field(2, "margin around the drawing", 0, 64, unit="pixels"),
        "width": Field(2.5, "stroke width at inference", 0.5, 32, unit="pixels"),
    },
    "model": {
        "init": Field(
            "packaged",
            "initial weights: packaged, none (random), or the path of a model or run",
        ),
        "norm": Field("batch", "normalisation layers", choices=("batch", "group")),
        "embed_dim": Field(128, "dimensions of the embedding", 2, 4_096),
        "channels": Field(1.0, "factor on the number of channels", 0.25, 4),
        "convs": Field(2, "convolutions in each block over the picture", 1, 2),
        "capacity": Field(128, "slots of the table", 2, 1_000_000),
        "channel_dropout": Field(0.1, "probability of dropping a channel", 0, 0.95),
        "dropout": Field(0.25, "probability of dropping a feature", 0, 0.95),
    },
    "augment": {
        "enabled": Field(True, "whether training inputs are augmented"),
        "rotation": Field(12.0, "maximum rotation", 0, 180, unit="degrees"),
        "shear": Field(0.25, "maximum shear", 0, 2),
        "aspect": Field(0.2, "maximum change of the aspect ratio", 0, 2),
        "scale": Field(0.08, "maximum change of size", 0, 0.9),
        "shift": Field(0.03, "maximum shift, as a share of the side", 0, 1),
        "elastic": Field(0.03, "maximum elastic shift, as a share of the side", 0, 1),
        "jitter": Field(0.01, "jitter of each point, as a share of the side", 0, 1),
        "width_low": Field(1.5, "minimum stroke width", 0.1, 32, unit="pixels"),
        "width_high": Field(3.5, "maximum stroke width", 0.1, 32, unit="pixels"),
    },
    "loss": {
        "name": Field(
            "proxy",
            "proxy: softmax over the rows of the table; margin: proxy with an angular "
            "margin; softmax: class head; the others compare the examples of a batch",
            choices=(*LOSSES, SOFTMAX),
        ),
        "margin": Field(
            0.0, "for margin, contrastive and triplet; 0: the default of each", 0, 1.5
        ),
        "classes_per_batch": Field(
            32, "for the losses that compare the examples of a batch", 2, 1e6
        ),
        "label_smoothing": Field(0.02, "probability spread over all classes", 0, 0.99),
        "class_weights": Field(False, "whether to weight classes by inverse frequency"),
        "prior": Field(0.0, "weight of the log prior in the training logits", 0, 2),
        "scale": Field(16.0, "initial scale of nn-sampling", 1e-3, 1e3),
        "learn_scale": Field(True, "whether the scale is trained"),
    },
    "optim": {
        "train": Field(
            "all",
            "parameters to train; block3_head: as published",
            choices=("all", "block3_head", "table"),
        ),
        "learning_rate": Field(1e-3, "peak learning rate", 0, 10),
        "weight_decay": Field(0.05, "decoupled weight decay", 0, 10),
        "clip_norm": Field(0.0, "maximum gradient norm; 0: no clipping", 0, 1e6),
        "warmup": Field(0.1, "warmup, as a share of the steps", 0, 1),
        "end": Field(0.0, "final learning rate, as a share of the peak", 0, 1),
        "schedule": Field(
            "cosine",
            "milestones: divide by 10 after each; plateau: halve after an epoch whose "
            "loss did not improve",
            choices=("cosine", "milestones", "plateau"),
        ),
        "milestones": Field("0.6,0.85", "increasing shares of the steps"),
    },
    "loop": {
        "epochs": Field(3, "passes over the training set", 1, 100_000),
        "steps": Field(0, "training steps; 0: epochs decide", 0, 1e9),
        "batch_size": Field(128, "examples per step, over all devices", 1, 1_000_000),
        "checkpoint_every": Field(200, "interval of checkpoints", 1, 1e9, unit="steps"),
        "log_every": Field(20, "interval of log lines", 1, 1e9, unit="steps"),
        "patience": Field(
            0, "epochs without a better score before stopping; 0: no stop", 0, 1e6
        ),
        "statistics": Field(
            50, "batches to re-estimate BatchNorm with; 0: running averages", 0, 1e6
        ),
        "limit_train_batches": Field(0, "batches per epoch; 0: all", 0, 1e9),
        "overfit_batches": Field(
            0, "train on this number of batches only; 0: all", 0, 1e6
        ),
        "keep_best": Field(1, "number of best checkpoints to keep", 1, 1_000),
    },
    "sweep": {
        "trials": Field(20, "number of trials", 1, 100_000),
        "examples": Field(60_000, "training examples per trial", 1, 1e12),
        "score": Field(
            "top1",
            "top1 on the hold-out set, or one_shot among 20 classes",
            choices=("top1", "one_shot"),
        ),
        "embed_dim": Field("32:256", "LOW:HIGH, or one value"),
        "channels": Field("0.5:1.5", "LOW:HIGH, or one value"),
        "learning_rate": Field("1e-3:1e-2", "LOW:HIGH, or one value"),
        "weight_decay": Field("1e-3:0.3", "LOW:HIGH, or one value"),
        "augment": Field("0.5:1.5", "factor on `augment`: LOW:HIGH, or one value"),
        "losses": Field(",".join(LOSSES), "losses to try"),
    },
    "log": {
        "tensorboard": Field(False, "whether to write TensorBoard events"),
        "wandb": Field("", "project of Weights & Biases; empty: none"),
        "profile": Field("", "steps to trace, FIRST:LAST; empty: none"),
    },
}


def milestones(optim: Config) -> tuple[float, ...]:
    """Parses `config.optim.milestones` into increasing shares of the steps."""
    try:
        shares = tuple(map(float, filter(None, optim.milestones.split(","))))
    except ValueError:
        shares = (2.0,)  # out of range, so it fails the check below
    if [*shares] != sorted(shares) or not all(0 < share < 1 for share in shares):
        raise InputError(
            f"config.optim.milestones is {optim.milestones!r}; write increasing shares "
            f"of the steps between 0 and 1, like '0.6,0.85'."
        )
    return shares


def shares(also: str) -> list[tuple[str, float]]:
    """Parses `config.data.also`: data sets and their passes per epoch."""
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
    """InputError for a loss that does not fit the batch, the mode or `optim.train`."""
    loss, batch = config.loss, config.loop.batch_size
    if config.mode == "argmax" and loss.name != "proxy":
        raise InputError(
            f"config.loss.name={loss.name!r} needs embeddings; in mode 'argmax' use "
            f"'proxy'."
        )
    if loss.margin and loss.name not in WITH_MARGIN:
        raise InputError(
            f"config.loss.margin is {loss.margin:g}, but {loss.name!r} has no margin; "
            f"set it to 0, or choose one of {', '.join(map(repr, WITH_MARGIN))}."
        )
    if loss.name not in PAIR_LOSSES:
        return
    if batch % loss.classes_per_batch or batch < 2 * loss.classes_per_batch:
        raise InputError(
            f"config.loop.batch_size is {batch}, but {loss.name!r} needs 2 or more "
            f"examples of each of {loss.classes_per_batch} classes; make it a multiple "
            f"of config.loss.classes_per_batch."
        )
    if loss.class_weights or loss.prior:
        raise InputError(
            f"config.loss.class_weights and prior have no effect on {loss.name!r}, "
            f"whose batches have equally many examples of each class; unset them."
        )
    if config.optim.train == "table":
        raise InputError(
            f"config.loss.name={loss.name!r} does not train the table; with "
            f"config.optim.train='table' use 'proxy' or 'margin'."
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
"""Settings of `config.sweep` that are ranges, and their limits."""


def span(config: Config, name: str) -> tuple[float, float]:
    """Parses LOW:HIGH, or one value, of a range in `config.sweep`."""
    text, (minimum, maximum) = config.sweep[name], SPANS[name]
    low, _, high = text.partition(":")
    try:
        ends = float(low), float(high or low)
    except ValueError:
        ends = 1.0, 0.0  # out of order, so it fails the check below
    if not minimum <= ends[0] <= ends[1] <= maximum:
        raise InputError(
            f"config.sweep.{name} is {text!r}; write LOW:HIGH, or one value, within "
            f"{minimum:g} to {maximum:g}."
        )
    return ends


def check_sweep(config: Config) -> None:
    """InputError for a sweep with invalid ranges or losses."""
    for name in SPANS:
        span(config, name)
    if config.mode == "argmax":
        raise InputError(
            "A sweep optimises embeddings, which mode 'argmax' does not have; use "
            "config.mode='nn-sampling'."
        )
    for name in config.sweep.losses.split(","):
        if name not in LOSSES:
            raise InputError(
                f"config.sweep.losses has {name!r}; list some of {','.join(LOSSES)}."
            )
        trial = config.copy_and_resolve_references()
        trial.loss.name = name
        check_loss(trial)
