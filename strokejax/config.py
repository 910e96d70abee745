"""Every setting of a job: its default, its unit, its legal range.

A config file in `configs/` returns `default_config()` with its own values. Fields that
do not exist cannot be set; `config_checks.validate` looks at them before anything is
loaded.
"""

from collections.abc import Iterator
from typing import Any

from ml_collections import ConfigDict

from strokejax.settings import FIGURES, LOSSES

Config = Any
"""A ConfigDict; its fields have no static types, `validate` checks them."""


def default_config() -> Config:
    """The settings of fine-tuning the fused network on the built-in hand."""
    return ConfigDict(
        {
            "job": "finetune",
            # "nn-sampling": rows of a table, nearest wins. "argmax": a class head.
            "mode": "nn-sampling",
            "seed": 0,
            # "overfit_one_batch" must reach zero loss; "zero_inputs" must not learn.
            "sanity": "none",
            "data": {
                "name": "synthetic",
                # Folder of the data: "" = $STROKEJAX_DATA; scribble: the collection.
                "root": "",
                # More data sets, each with rows of its own, and how often an epoch
                # sees them: "omniglot,detexify:2,mnist:0.3".
                "also": "",
                "emnist_config": "byclass",
                "download": False,  # emnist: fetch the archive (562 MB) if missing
                "rotations": False,  # omniglot: turned characters are classes too
                "strokes": False,  # omniglot: the pen's way too, where it is known
                "writers": 40,  # synthetic: writers in the training set
                # synthetic: samples a writer and symbol; fonts: pictures a font.
                "samples": 5,
                "width": 192,  # fonts: pixels of a picture, which is raster.size high
                "cache": "",  # fonts: folder that keeps drawn pictures; "" = none
                "points": 64,  # points an ink is resampled to
                # Share of built-in `space` strokes added to data without them.
                "space": 0.016,
                "limit_train": 0,  # examples; 0 = all
                "limit_valid": 0,
            },
            "raster": {
                "size": 32,  # pixels a side
                "margin": 2,  # pixels between the edge and the drawing
                "width": 2.5,  # pixels; the pen at inference
            },
            "model": {
                # "packaged", "none" (random), or the path of a model or run.
                "init": "packaged",
                # "stroke_net" and "resnet" see the shape, "motion" the pen's way,
                # "fused" both.
                "name": "fused",
                "norm": "batch",
                "embed_dim": 128,
                "channels": 1.0,  # channels of the convolutions over the usual ones
                "convs": 2,  # convolutions of each block over the picture, 1 or 2
                "capacity": 128,  # slots of the table
                "channel_dropout": 0.1,
                "dropout": 0.25,
            },
            "augment": {
                "enabled": True,
                "rotation": 12.0,  # degrees
                "shear": 0.25,
                "aspect": 0.2,
                "scale": 0.08,
                "shift": 0.03,
                "elastic": 0.03,
                "jitter": 0.01,
                "width_low": 1.5,  # pixels
                "width_high": 3.5,
            },
            "loss": {
                # "proxy": softmax over the table's rows; "margin": with an angle kept
                # between them; "softmax": over a class head's; the others compare
                # examples of a batch with each other.
                "name": "proxy",
                "category": 0.0,  # fonts: weight of the contrast between categories
                "margin": 0.0,  # of "margin", "contrastive", "triplet"; 0 = their own
                "classes_per_batch": 32,  # of the losses between examples
                "label_smoothing": 0.02,
                "class_weights": False,  # inverse frequency, mean 1
                "prior": 0.0,  # how much log-prior is added to training logits
                "scale": 16.0,  # initial scale of nn-sampling
                "learn_scale": True,
            },
            "optim": {
                "train": "all",  # "all", "block3_head" (as published), "table"
                "learning_rate": 1e-3,
                "weight_decay": 0.05,
                "clip_norm": 0.0,  # 0 = off
                "warmup": 0.1,  # fraction of the steps
                "end": 0.0,  # final learning rate over the peak
                # "milestones": a tenth after each of those shares of the steps;
                # "plateau": half whenever an epoch's loss is no better.
                "schedule": "cosine",
                "milestones": "0.6,0.85",
            },
            "loop": {
                "epochs": 3,
                "steps": 0,  # 0 = by epochs
                "batch_size": 128,  # over all devices
                "checkpoint_every": 200,  # steps
                "log_every": 20,  # steps
                "patience": 0,  # epochs without a better top-1; 0 = never stop early
                "statistics": 50,  # batches that re-estimate BatchNorm; 0 = never
                "limit_train_batches": 0,  # of an epoch, at the most; 0 = all
                "overfit_batches": 0,  # train on so many, over and over; 0 = on all
                "keep_best": 1,  # checkpoints of so many successive best states
            },
            "lines": {  # what the job "lines" trains on
                "glyphs": "built-in",  # characters that lines are written with
                "text": "",  # file of text to write; "" = words of the language "en"
                "length": 30,  # characters of a written line, at the most
                "overlap": "0:0.33",  # of neighbouring characters, LOW:HIGH
                "epoch": 6_400,  # written lines between two evaluations
                "valid": 400,  # written lines that are read at these
            },
            "swipe": {  # what the job "swipe" trains on
                # Layouts and how often each is seen; "shuffled" lays the first one's
                # letters anew, files are layouts too.
                "layouts": "qwerty=5,azerty=1,qwertz=1,shuffled=3",
                "words": "en",  # a language, or a file of words and frequencies
                "epoch": 25_600,  # swipes between two evaluations
                "valid": 512,  # swipes that are typed at these
                "align": 0.3,  # weight of reading letters from the points alone (CTC)
                "mask": False,  # of letters only those count that some word goes on by
            },
            "features": {
                "name": "weighted",  # what a swipe's points say of the keys
            },
            "symbol": {  # what the job "register" registers
                "name": "",
                "samples": "",  # a file or a folder of drawings
                "method": "sgd",  # "mean": in closed form
                # What makes no difference, of "direction,rotation,size".
                "ignore": "",
                # Longer side of the writer's usual letter, in the ink's units; 0 =
                # unknown.
                "usual_size": 0.0,
                "force": False,  # even if other symbols lose much by it
            },
            "figures": {  # what the job "figures" measures
                "only": "",  # some of FIGURES, "unipen,cost"; "" = all
                "episodes": 500,  # few-shot tasks a figure
                "views": False,  # each drawing seen nine times, at nine times the cost
                "lake": "",  # Omniglot's one-shot runs as published, all_runs.zip
            },
            "sweep": {  # what the job "sweep" tries; LOW:HIGH, or one value
                "trials": 20,
                "examples": 60_000,  # that a trial sees in training
                "score": "top1",  # on the hold-out set; or "one_shot", of 20 classes
                "embed_dim": "32:256",
                "channels": "0.5:1.5",
                "learning_rate": "1e-3:1e-2",
                "weight_decay": "1e-3:0.3",
                "augment": "0.5:1.5",  # times all that `augment` allows
                "losses": ",".join(LOSSES),
            },
            "log": {
                "tensorboard": False,
                "wandb": "",  # project name
                "profile": "",  # "10:15" traces the steps 10 to 15
            },
        }
    )


def from_scratch() -> Config:
    """The settings of training on real pen strokes from random weights."""
    config = default_config()
    config.data.name = "unipen"
    config.model.init = "none"
    config.model.channel_dropout = 0.05
    config.model.dropout = 0.1
    return config


def for_fonts() -> Config:
    """The settings of telling fonts apart, from random weights."""
    config = default_config()
    config.job = "fonts"
    config.data.name = "fonts"
    config.data.samples = 120
    config.data.cache = "runs/pictures"
    config.raster.size = 40
    config.model.name = "font_net"
    config.model.init = "none"
    config.model.dropout = 0.1
    config.augment.enabled = False
    config.optim.learning_rate = 4e-3
    config.optim.clip_norm = 5.0
    config.loop.epochs = 8
    config.loop.statistics = 100
    return config


def figure_groups(only: str) -> tuple[str, ...]:
    """The names of `config.figures.only`; all where it is empty."""
    return tuple(filter(None, map(str.strip, only.split(",")))) or FIGURES


def fields(config: Config, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and value of every leaf."""
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            yield from fields(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
