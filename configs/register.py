"""Register a symbol on a training run: its checkpoint in, a new checkpoint out.

python -m strokejax.launch --config=configs/register.py \
    --config.symbol.name=heart --config.symbol.samples=DIR [--config.model.init=RUN] \
    [--config.symbol.ignore=direction,rotation,size] [--config.symbol.usual_size=N]
"""

from strokejax.config import default_config


def get_config(arg: str = ""):
    """Settings of a registration; `arg` is not used."""
    config = default_config()
    config.job = "register"
    return config
