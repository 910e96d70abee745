"""Register a symbol on a training run; writes a new checkpoint and model.

python -m strokejax.launch --config=configs/register.py \
    --config.symbol.name=heart --config.symbol.samples=DIR [--config.model.init=RUN] \
    [--config.symbol.ignore=direction,rotation,size] [--config.symbol.reference_size=N]
"""

from strokejax.config import default_config


def get_config(arg: str = ""):
    """Settings of a registration; `arg` is ignored."""
    config = default_config()
    config.job = "register"
    return config
