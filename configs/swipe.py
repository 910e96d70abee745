"""Train a network that types words from swipes over any layout.

python -m strokejax.launch --config=configs/swipe.py
python -m strokejax.launch --config=configs/swipe.py --config.model.name=conformer \
    --config.features.name=distances
python -m strokejax.launch --config=configs/swipe.py --config.swipe.words=words_fr.txt \
    --config.swipe.layouts=azerty

The first made the packaged `swipe`, in 24 minutes on two cores while other work ran:
top-1 0.7389 [0.700, 0.774] on 900 swipes by people.
"""

from strokejax.config import default_config


def get_config(arg: str = ""):
    """`transformer` on synthetic swipes of the built-in words; `arg` is ignored."""
    config = default_config()
    config.job = "swipe"
    config.mode = "argmax"
    config.data.name = "synthetic_swipes"
    config.model.name = "transformer"
    config.model.init = "none"
    config.model.dropout = 0.1
    config.loss.label_smoothing = 0.045
    config.optim.learning_rate = 1.5e-3
    config.optim.weight_decay = 0.01
    config.optim.clip_norm = 1.0
    config.optim.warmup = 0.05
    config.optim.end = 0.02
    config.loop.batch_size = 128
    config.loop.epochs = 8
    return config
