"""Train a network that identifies fonts, on pictures of text in a folder's fonts.

python -m strokejax.launch --config=configs/fonts.py --config.data.root=FOLDER
python -m strokejax.launch --config=configs/fonts.py --config.loss.name=supcon
python -m strokejax.launch --config=configs/fonts.py:published
python -m strokejax.launch --config=configs/fonts.py:demo --config.data.root=FOLDER

The first made the packaged `fonts` from 664 faces, in 112 minutes on two cores while
other work ran: top-1 0.867 [0.850, 0.883] on lines of words that training never saw.
"""

from strokejax.config import for_fonts


def get_config(arg: str = ""):
    """`font_net`; `arg` "published": `simple_cnn` on squares; "demo": a short run."""
    config = for_fonts()
    if arg not in ("", "published", "demo"):
        raise ValueError(f"there is no recipe {arg!r}; choose published or demo")
    if arg == "demo":
        config.data.samples = 40
        config.data.cache = ""
        config.model.channels = 0.5
        config.model.convs = 1
        config.loop.epochs = 6
        config.loop.statistics = 5
    if arg == "published":
        config.model.name = "simple_cnn"
        config.raster.size = config.data.width = 64
        config.model.dropout = 0.25
        config.optim.learning_rate = 1e-3
        config.optim.weight_decay = 0.01
        config.optim.warmup = 0.2
        config.loop.epochs = 30
    return config
