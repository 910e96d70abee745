"""Train an encoder from random weights on real pen strokes.

python -m strokejax.launch --config=configs/pretrain.py:fused
python -m strokejax.launch --config=configs/pretrain.py:motion
python -m strokejax.launch --config=configs/pretrain.py:shape --config.data.name=emnist

They need $STROKEJAX_DATA. The first made the packaged `nn-sampling`, in 60 minutes on
two cores: top-1 0.8560 [0.830, 0.879] on UNIPEN's held-out writers.
"""

from strokejax.config import from_scratch

ENCODERS = {"": "fused", "shape": "stroke_net", "motion": "motion", "fused": "fused"}


def get_config(arg: str = ""):
    """Settings of the recipe `arg`: "fused" (default), "shape" or "motion"."""
    config = from_scratch()
    config.job = "pretrain"
    config.optim.learning_rate = 4e-3
    config.loop.epochs = 10
    config.loop.statistics = 200
    if arg not in ENCODERS:
        raise ValueError(f"there is no recipe {arg!r}; choose shape, motion or fused")
    config.model.name = ENCODERS[arg]
    if config.model.name == "fused":
        config.data.also = "omniglot,detexify:2,mnist:0.3"
        config.data.rotations = True
        config.loop.epochs = 9
    return config
