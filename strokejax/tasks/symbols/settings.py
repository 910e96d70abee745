"""The task of single symbols: its verbs, its jobs and the settings it adds."""

from strokejax.settings import Config, Field, Task, shares
from strokejax.types import InputError

DATA = ("synthetic", "unipen", "scribble", "mnist", "omniglot", "emnist", "detexify")
"""Data sets to train on."""
FIGURES = (
    "unipen",
    "personal",
    "punctuation",
    "omniglot",
    "detexify",
    "rejection",
    "cost",
)
"""Groups of headline figures; the job `figures` measures some or all of them."""
MAX_SHARE = 100
"""Maximum passes per epoch over a data set of `config.data.also`."""

FIELDS = {
    "data": {
        "emnist_config": Field(
            "byclass",
            "EMNIST split, which sets the classes",
            choices=("byclass", "balanced", "letters"),
        ),
        "download": Field(False, "emnist: download the archive (562 MB)"),
        "rotations": Field(
            False, "omniglot: rotated characters are classes of their own"
        ),
        "strokes": Field(False, "omniglot: use pen trajectories where they are known"),
        "space": Field(
            0.016,
            "built-in `space` strokes to add, as a share of data that has none",
            0,
            0.5,
        ),
    },
    "symbol": {
        "name": Field("", "register: name of the symbol"),
        "samples": Field("", "register: a file or a folder of drawings"),
        "method": Field(
            "sgd",
            "sgd: the row that best separates the symbol from the others; mean: in "
            "closed form",
            choices=("sgd", "mean"),
        ),
        "ignore": Field(
            "",
            "variations that leave the symbol the same, of direction,rotation,size",
        ),
        "reference_size": Field(
            0.0,
            "longer side of the writer's typical letter, in ink units; 0: unknown",
            0,
            1e9,
        ),
        "force": Field(False, "register even if other symbols lose much accuracy"),
    },
    "figures": {
        "only": Field("", f"groups to measure, of {','.join(FIGURES)}; empty: all"),
        "episodes": Field(500, "few-shot episodes of each figure", 1, 100_000),
        "views": Field(False, "average nine views of each drawing, nine times slower"),
        "lake": Field("", "all_runs.zip with Omniglot's published one-shot runs"),
    },
}


def check(config: Config) -> None:
    """Raises InputError for settings that do not go together."""
    # Imported late: this imports numpy, and `strokejax --help` must not.
    from strokejax.ink.variants import parse_ignore

    parse_ignore(config.symbol.ignore, "config.symbol.ignore")
    # The job would silently skip a misspelt group.
    for name in figure_groups(config.figures.only):
        if name not in FIGURES:
            raise InputError(
                f"config.figures.only has {name!r}; choose some of "
                f"{', '.join(FIGURES)}."
            )
    _check_network(config)
    _check_also(config)


def _check_network(config: Config) -> None:
    name = config.model.name
    if name != "stroke_net" and config.model.norm != "batch":
        raise InputError("config.model.norm='group' is for 'stroke_net'; use 'batch'.")
    if name in ("motion", "resnet") and config.model.convs != 2:
        raise InputError(
            f"config.model.convs sets the blocks of 'stroke_net' and 'fused', which "
            f"{name!r} lacks; leave it at 2."
        )
    if name == "resnet" and config.optim.train == "block3_head":
        raise InputError(
            "config.optim.train='block3_head' names a block that 'resnet' lacks; "
            "choose 'all' or 'table'."
        )


def _check_also(config: Config) -> None:
    for name, share in shares(config.data.also):
        # A class head has no rows for the classes of other data sets.
        if name not in DATA or name == config.data.name or config.mode == "argmax":
            raise InputError(
                f"config.data.also has {name!r}; it needs mode 'nn-sampling' and data "
                f"sets other than {config.data.name!r}, of {', '.join(DATA)}."
            )
        if not 0 < share <= MAX_SHARE:
            raise InputError(
                f"config.data.also repeats {name!r} {share:g} times; choose more than "
                f"0 and at most {MAX_SHARE}."
            )


def figure_groups(only: str) -> tuple[str, ...]:
    """The groups that `config.figures.only` names; all of them if it is empty."""
    return tuple(filter(None, map(str.strip, only.split(",")))) or FIGURES


TASK = Task(
    name="symbols",
    about="names single symbols",
    verbs={
        "recognize": "command",
        "register": "command",
        "symbols": "symbols_command",
        "live": "live.command",
        "collect": "collect_command",
    },
    jobs=("pretrain", "finetune", "register", "figures", "sweep"),
    data=DATA,
    architectures=("fused", "stroke_net", "motion", "resnet"),
    packaged=("nn-sampling", "argmax"),
    evaluates=("",),
    scoring="evaluation.command",
    fields=FIELDS,
    check=check,
)
