"""Fine-tune the fused network on the 63 strokes, from the packaged weights.

python -m strokejax.launch --config=configs/finetune.py
python -m strokejax.launch --config=configs/finetune.py --config.data.name=unipen
"""

from strokejax.config import default_config


def get_config(arg: str = ""):
    """Settings of the main job; `arg` is not used."""
    return default_config()
