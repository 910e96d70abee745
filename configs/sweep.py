"""Search sizes, losses, augmentation and optimizer, with equal budgets of examples.

python -m strokejax.launch --config=configs/sweep.py --config.sweep.trials=20
python -m strokejax.launch --config=configs/sweep.py --config.data.name=synthetic
python -m strokejax.launch --config=configs/sweep.py:fonts

The same command resumes a stopped sweep. Needs optuna: pip install 'strokejax[sweep]'.
"""

from strokejax.config import for_fonts, from_scratch


def get_config(arg: str = ""):
    """Settings of a sweep of symbols or, with `arg` "fonts", of fonts."""
    if arg not in ("", "fonts"):
        raise ValueError(f"there is no sweep of {arg!r}; choose fonts, or omit it")
    config = for_fonts() if arg else from_scratch()
    config.job = "sweep"
    return config
