"""What settings may be: choices by name, ranges in their units."""

JOBS = (
    "pretrain",
    "finetune",
    "register",
    "figures",
    "sweep",
    "lines",
    "fonts",
    "swipe",
)
MODES = ("nn-sampling", "argmax")
DATA = (
    "synthetic",
    "unipen",
    "scribble",
    "mnist",
    "omniglot",
    "emnist",
    "detexify",
    "fonts",
)
LINE_DATA = ("synthetic_lines", "unipen_text", "cremma", "folder")
LINE_MODELS = ("line_cnn", "line_transformer", "line_cnn_simple")
SWIPE_DATA = ("synthetic_swipes", "swipes")
SWIPE_MODELS = ("transformer", "conformer", "rnn")
FEATURES = (
    "nearest",
    "trajectory",
    "weighted",
    "distances",
    "gaussian",
    "one_hot",
)
FONT_MODELS = ("font_net", "simple_cnn", "resnet")
GLYPHS = ("built-in", "unipen", "emnist", "mnist")
MAX_SHARE = 100
"""How often an epoch may see a data set beside the first one."""
FIGURES = (
    "unipen",
    "personal",
    "punctuation",
    "omniglot",
    "detexify",
    "rejection",
    "cost",
)
PAIR_LOSSES = ("prototypical", "supcon", "contrastive", "triplet")
"""Losses between examples: batches are of classes that have several each."""
LOSSES = ("proxy", "margin", *PAIR_LOSSES)
SOFTMAX = "softmax"
"""The loss of a class head on top of the embedding, whose rows are no embeddings."""
MEANS = (*PAIR_LOSSES, SOFTMAX)
"""Losses after which the table's rows are means of embeddings."""
WITH_MARGIN = ("margin", "contrastive", "triplet")
SANITY = ("none", "overfit_one_batch", "zero_inputs")

RANGES: dict[str, tuple[float, float]] = {
    "seed": (0, 2**31 - 1),
    "data.writers": (1, 10_000),
    "data.samples": (1, 1_000),
    "data.points": (8, 1_024),
    "data.space": (0, 0.5),
    "data.width": (8, 4_096),
    "data.limit_train": (0, 1e9),
    "data.limit_valid": (0, 1e9),
    "raster.size": (8, 256),
    "raster.margin": (0, 64),
    "raster.width": (0.5, 32),
    "model.embed_dim": (2, 4_096),
    "model.channels": (0.25, 4),
    "model.convs": (1, 2),
    "model.capacity": (2, 1_000_000),
    "model.channel_dropout": (0, 0.95),
    "model.dropout": (0, 0.95),
    "augment.rotation": (0, 180),
    "augment.shear": (0, 2),
    "augment.aspect": (0, 2),
    "augment.scale": (0, 0.9),
    "augment.shift": (0, 1),
    "augment.elastic": (0, 1),
    "augment.jitter": (0, 1),
    "augment.width_low": (0.1, 32),
    "augment.width_high": (0.1, 32),
    "loss.margin": (0, 1.5),
    "loss.classes_per_batch": (2, 1e6),
    "loss.label_smoothing": (0, 0.99),
    "loss.category": (0, 100),
    "loss.prior": (0, 2),
    "loss.scale": (1e-3, 1e3),
    "optim.learning_rate": (0, 10),
    "optim.weight_decay": (0, 10),
    "optim.clip_norm": (0, 1e6),
    "optim.warmup": (0, 1),
    "optim.end": (0, 1),
    "loop.epochs": (1, 100_000),
    "loop.steps": (0, 1e9),
    "loop.batch_size": (1, 1_000_000),
    "loop.checkpoint_every": (1, 1e9),
    "loop.log_every": (1, 1e9),
    "loop.patience": (0, 1e6),
    "loop.statistics": (0, 1e6),
    "loop.limit_train_batches": (0, 1e9),
    "loop.overfit_batches": (0, 1e6),
    "loop.keep_best": (1, 1_000),
    "lines.length": (1, 96),
    "lines.epoch": (1, 1e9),
    "lines.valid": (1, 1e6),
    "swipe.epoch": (1, 1e9),
    "swipe.valid": (1, 1e6),
    "swipe.align": (0, 100),
    "symbol.usual_size": (0, 1e9),
    "figures.episodes": (1, 100_000),
    "sweep.trials": (1, 100_000),
    "sweep.examples": (1, 1e12),
}

CHOICES: dict[str, tuple[str, ...]] = {
    "job": JOBS,
    "mode": MODES,
    "sanity": SANITY,
    "data.name": (*DATA, *LINE_DATA, *SWIPE_DATA),
    "lines.glyphs": GLYPHS,
    "data.emnist_config": ("byclass", "balanced", "letters"),
    "model.norm": ("batch", "group"),
    "model.name": (
        "stroke_net",
        "motion",
        "fused",
        *FONT_MODELS,
        *LINE_MODELS,
        *SWIPE_MODELS,
    ),
    "loss.name": (*LOSSES, SOFTMAX),
    "optim.train": ("all", "block3_head", "table"),
    "optim.schedule": ("cosine", "milestones", "plateau"),
    "features.name": FEATURES,
    "sweep.score": ("top1", "one_shot"),
    "symbol.method": ("sgd", "mean"),
}
