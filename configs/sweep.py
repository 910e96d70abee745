"""Search sizes, losses, augmentation and optimizer of a pretraining, on a fixed budget.

python -m strokejax.launch --config=configs/sweep.py --config.sweep.trials=20
python -m strokejax.launch --config=configs/sweep.py --config.data.name=synthetic

The same command goes on after a stop. Needs optuna: pip install 'strokejax[sweep]'.
"""

from strokejax.config import from_scratch


def get_config(arg: str = ""):
    """Settings of `pretrain.py`, less what `config.sweep` varies; `arg` is not used."""
    config = from_scratch()
    config.job = "sweep"
    return config
