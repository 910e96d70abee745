"""Train a network that reads lines of handwriting.

python -m strokejax.launch --config=configs/lines.py
python -m strokejax.launch --config=configs/lines.py --config.lines.glyphs=unipen \
    --config.data.also=unipen_text:0.4 --config.loop.epochs=30
python -m strokejax.launch --config=configs/lines.py --config.data.name=cremma \
    --config.model.init=RUN_OF_THE_SECOND

The model card has the commands, times and error rates of `lines-en` and `lines-fr`.
"""

from strokejax.config import default_config


def get_config(arg: str = ""):
    """`line_cnn` on lines of the built-in hand; `arg` is ignored."""
    config = default_config()
    config.job = "lines"
    config.mode = "argmax"
    config.data.name = "synthetic_lines"
    config.data.samples = 3
    config.model.name = "line_cnn"
    config.model.init = "none"
    config.model.dropout = 0.1
    config.optim.learning_rate = 2e-3
    config.optim.weight_decay = 0.02
    config.optim.clip_norm = 5.0
    config.loop.batch_size = 32
    config.loop.epochs = 10
    return config
