"""The swipes task: its name, commands, jobs, architectures and settings."""

from strokejax.settings import Config, Field, Task
from strokejax.types import InputError

DATA = ("synthetic_swipes", "swipes")
FEATURES = ("nearest", "trajectory", "weighted", "distances", "gaussian", "one_hot")

FIELDS = {
    "swipe": {
        "layouts": Field(
            "qwerty=5,azerty=1,qwertz=1,shuffled=3",
            "layouts or layout files, each with its share of the swipes; shuffled: the "
            "first layout with its letters permuted in every swipe",
        ),
        "words": Field("en", "a language, or a file of words and frequencies"),
        "epoch": Field(25_600, "swipes between two evaluations", 1, 1e9),
        "valid": Field(512, "swipes in an evaluation", 1, 1e6),
        "align": Field(0.3, "weight of the CTC loss on the encoder's output", 0, 100),
        "mask": Field(False, "mask letters that continue no word in the loss"),
    },
    "features": {
        "name": Field("weighted", "key features of a point", choices=FEATURES),
    },
}


def check(config: Config) -> None:
    """InputError for recorded swipes without a file."""
    if config.data.name == "swipes" and not config.data.root:
        raise InputError(
            "config.data.name='swipes' needs config.data.root, a .jsonl file of swipes."
        )


TASK = Task(
    name="swipes",
    about="types words from swipes",
    verbs={"swipe": "command"},
    jobs=("swipe",),
    data=DATA,
    architectures=("transformer", "conformer", "rnn"),
    packaged=("swipe",),
    evaluates=(".jsonl",),
    fields=FIELDS,
    check=check,
)
