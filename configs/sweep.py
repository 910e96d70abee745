"""Search sizes, losses, augmentation and optimizer of a pretraining, on a fixed budget.

python -m strokejax.launch --config=configs/sweep.py --config.sweep.trials=20
python -m strokejax.launch --config=configs/sweep.py --config.data.name=synthetic

The same command goes on after a stop. Needs optuna: pip install 'strokejax[sweep]'.
"""

from strokejax.config import default_config


def get_config(arg: str = ""):
    """Settings of `pretrain.py`, less what `config.sweep` varies; `arg` is not used."""
    config = default_config()
    config.job = "sweep"
    config.data.name = "unipen"
    config.raster.size = 32
    config.model.init = "none"
    config.model.channel_dropout = 0.05
    config.model.dropout = 0.1
    return config
