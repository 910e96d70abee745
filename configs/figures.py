"""Every headline figure of a model in one table, with intervals and a report page.

python -m strokejax.launch --config=configs/figures.py
python -m strokejax.launch --config=configs/figures.py --config.model.init=RUN
python -m strokejax.launch --config=configs/figures.py --config.figures.only=unipen,cost
"""

from strokejax.config import default_config


def get_config(arg: str = ""):
    """Settings of a measurement; `arg` is not used."""
    config = default_config()
    config.job = "figures"
    return config
