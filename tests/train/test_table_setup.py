"""What a job starts from."""

import jax
import numpy as np
import pytest

from strokejax.config import default_config
from strokejax.store.model import load_model
from strokejax.tasks.symbols.data import load_sets
from strokejax.train.table_setup import prepare
from strokejax.types import InputError


@pytest.fixture
def config():
    """Fine-tuning on a few drawings of the built-in hand."""
    config = default_config()
    config.data.writers, config.data.samples = 2, 1
    config.data.limit_valid = 40
    return config


@pytest.mark.parametrize("mode", ["nn-sampling", "argmax"])
def test_the_main_job_goes_on_from_the_packaged_weights(config, mode):
    config.mode = mode
    setup, stored = prepare(config, load_sets), load_model(mode)
    for ours, theirs in zip(
        jax.tree.leaves(setup.params["encoder"]),
        jax.tree.leaves(stored.encoder),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    if mode == "nn-sampling":
        for symbol in ("a", "Z", "space"):
            mine, row = setup.symbols.slot(symbol), stored.symbols.slot(symbol)
            np.testing.assert_array_equal(
                setup.params["table"]["embeddings"][mine],
                stored.table["embeddings"][row],
            )
        scale = setup.params["table"]["log_scale"]
        assert scale == stored.table["log_scale"]


def test_embeddings_of_another_size_are_refused(config):
    config.model.embed_dim = 64
    with pytest.raises(InputError, match=r"128 dimensions, .* is 64; set it to 128"):
        prepare(config, load_sets)
