"""Search sizes, losses, augmentation and optimizer of a pretraining, on a fixed budget.

python -m strokejax.launch --config=configs/sweep.py --config.sweep.trials=20
python -m strokejax.launch --config=configs/sweep.py --config.data.name=synthetic
python -m strokejax.launch --config=configs/sweep.py:fonts

The same command goes on after a stop. Needs optuna: pip install 'strokejax[sweep]'.
"""

from strokejax.config import for_fonts, from_scratch


def get_config(arg: str = ""):
    """Settings of `pretrain.py`, or of `fonts.py`, less what `config.sweep` varies."""
    if arg not in ("", "fonts"):
        raise ValueError(f"there is no sweep of {arg!r}; choose fonts, or none")
    config = for_fonts() if arg else from_scratch()
    config.job = "sweep"
    return config
