"""Train StrokeNet from random weights on real pen strokes.

python -m strokejax.launch --config=configs/pretrain.py
python -m strokejax.launch --config=configs/pretrain.py --config.data.name=emnist
"""

from strokejax.config import default_config


def get_config(arg: str = ""):
    """Settings that made the packaged weights; `arg` is not used."""
    config = default_config()
    config.job = "pretrain"
    config.data.name = "unipen"
    config.model.init = "none"
    config.optim.learning_rate = 4e-3
    config.model.channel_dropout = 0.05
    config.model.dropout = 0.1
    config.loop.epochs = 10
    config.loop.statistics = 200
    return config
