"""The task of reading lines: its commands, data sets, networks and settings."""

from strokejax.settings import Config, Field, Task, shares
from strokejax.types import InputError

DATA = ("synthetic_lines", "unipen_text", "cremma", "folder")
WINDOWS = "line_cnn_simple"
"""Reads lines of 28 pixels window by window, as published; the others use CTC."""
ARCHITECTURES = ("line_cnn", "line_transformer", WINDOWS)
GLYPHS = ("built-in", "unipen", "emnist", "mnist")

FIELDS = {
    "lines": {
        "glyphs": Field(
            "built-in", "source of the characters of synthetic lines", choices=GLYPHS
        ),
        "text": Field("", "text file of synthetic lines; empty: English words"),
        "length": Field(
            30, "maximum length of a synthetic line", 1, 96, unit="characters"
        ),
        "overlap": Field(
            "0:0.33", "overlap of neighbouring characters, LOW:HIGH, shares of a cell"
        ),
        "epoch": Field(
            6_400, "lines of an epoch, for data sets without an end", 1, 1e9
        ),
        "valid": Field(
            400, "lines of an evaluation, for data sets without an end", 1, 1e6
        ),
    },
}


def check(config: Config) -> None:
    """InputError for data sets that cannot be combined."""
    name = config.data.name
    if config.model.name == WINDOWS and (name != DATA[0] or config.data.also):
        raise InputError(
            f"The model {WINDOWS!r} learns from published lines alone; set "
            f"config.data.name={DATA[0]!r} and config.data.also='', or choose another "
            f"model."
        )
    for other, share in shares(config.data.also):
        if other not in DATA or other == name or not 0 < share < 1:
            raise InputError(
                f"config.data.also has {other!r} with the share {share:g}; give a data "
                f"set of {', '.join(DATA)} other than {name!r}, and its share of the "
                f"lines between 0 and 1, like 'unipen_text:0.4'."
            )


TASK = Task(
    name="lines",
    about="reads lines of handwriting",
    verbs={"lines": "command"},
    jobs=("lines",),
    data=DATA,
    architectures=ARCHITECTURES,
    packaged=("lines-en", "lines-fr"),
    accepts=("symbols",),
    evaluates=(".tsv",),
    fields=FIELDS,
    check=check,
)
