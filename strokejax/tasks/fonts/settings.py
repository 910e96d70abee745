"""The fonts task: its name, its architectures, and the settings that it alone has."""

from strokejax.settings import Config, Field, Task
from strokejax.types import InputError

ARCHITECTURES = ("font_net", "simple_cnn")
"""Networks that only this task has; `resnet` learns fonts as well."""

FONTS = "fonts"
"""The packaged model, and the folder of the user's copy of it."""

FIELDS = {
    "data": {
        "width": Field(
            192,
            "fonts: width of a picture; raster.size is its height",
            8,
            4_096,
            unit="pixels",
        ),
        "cache": Field("", "fonts: cache folder for drawn pictures; empty: no cache"),
    },
    "loss": {
        "category": Field(
            0.0, "fonts: weight of the contrastive loss between categories", 0, 100
        ),
    },
}


def check(config: Config) -> None:
    """Raises InputError for augmentation and data that do not fit pictures of fonts."""
    if config.augment.enabled or config.data.also:
        raise InputError(
            "Pictures of fonts are augmented when they are drawn and are not mixed "
            "with other data; set config.augment.enabled=False and config.data.also=''."
        )


TASK = Task(
    name="fonts",
    about="names fonts",
    verbs={"fonts": "command"},
    jobs=("fonts", "pretrain", "finetune", "sweep"),
    data=("fonts",),
    architectures=(*ARCHITECTURES, "resnet"),
    packaged=(FONTS,),
    evaluates=("labels.tsv",),
    fields=FIELDS,
    check=check,
)
