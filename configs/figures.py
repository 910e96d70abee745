"""Measure every headline figure of a model: one table with intervals, and a page.

python -m strokejax.launch --config=configs/figures.py
python -m strokejax.launch --config=configs/figures.py --config.model.init=RUN
python -m strokejax.launch --config=configs/figures.py --config.figures.only=unipen,cost

It takes minutes and needs $STROKEJAX_DATA. The README has the figures of the packaged
weights.
"""

from strokejax.config import default_config


def get_config(arg: str = ""):
    """Settings of a measurement; `arg` is ignored."""
    config = default_config()
    config.job = "figures"
    return config
