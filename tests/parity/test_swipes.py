"""The network that types swipes and its search, held against PyTorch."""

from functools import partial

import jax
import numpy as np
import pytest

from strokejax.networks.spec import EncoderSpec
from strokejax.tasks.swipes.batches import boards_of, swipe_batches
from strokejax.tasks.swipes.decode import Decoder, Search, lexicon
from strokejax.tasks.swipes.layouts import layout
from strokejax.tasks.swipes.network import SwipeNet
from strokejax.tasks.swipes.typist import Typist

from .reference import torch  # isort: skip
from . import torch_swipes as reference  # isort: skip

WORDS = {"the": 50.0, "then": 5.0, "to": 30.0, "too": 9.0, "a": 7.0, "heart": 2.0}
LETTERS, BOARDS = boards_of("qwerty,shuffled", WORDS)
END = len(LETTERS)
BATCH = swipe_batches(BOARDS, END, 6, seed=1)(0)
NET = SwipeNet(END + 1, "transformer", "weighted", 0.0)


@pytest.fixture(scope="module")
def both():
    """Our weights, and PyTorch's network with the same."""
    init = jax.jit(partial(NET.init, train=False))
    variables = init(jax.random.key(3), BATCH.inputs, BATCH.mask)
    return variables, reference.load(reference.SwipeNet(END + 1), variables["params"])


def felt_by(variables, inputs):
    """What both encoders see, f32[b p c]."""
    found = NET.apply(variables, inputs, method=lambda net, given: net.points(given))
    return torch.from_numpy(np.array(found))


def test_encoder_and_decoder(both):
    variables, net = both
    ours = jax.jit(partial(NET.apply, train=False))(variables, BATCH.inputs, BATCH.mask)
    letters = np.maximum(BATCH.labels, 0)
    before = np.pad(letters[:, :-1], ((0, 0), (1, 0)), constant_values=-2)
    with torch.inference_mode():
        memory = net.encode(felt_by(variables, BATCH.inputs))
        theirs = net.decode(net.memory(memory), torch.from_numpy(before).long())
    there = BATCH.labels >= 0
    np.testing.assert_allclose(
        np.asarray(ours["write"])[there], theirs.numpy()[there], atol=2e-4
    )


def test_searches_find_the_same_words(both):
    variables, net = both
    spec = EncoderSpec("transformer", END + 1, False, features="weighted")
    words = lexicon(WORDS, layout("qwerty"), LETTERS, weight=0.3)
    typist = Typist(
        spec,
        variables["params"],
        LETTERS,
        layout("qwerty"),
        words,
        Decoder(Search(4, 8)),
    )
    swipes = [np.asarray(p) for p in BATCH.inputs["points"]]
    inputs = typist.inputs(swipes, np.zeros(6, bool))
    felt = felt_by(variables, inputs)[:6]
    table = reference.table_of(WORDS, LETTERS)
    one = reference.plain(net, felt, table, 4, 0.3, 8)
    other = reference.cached(net, felt, table, 4, 0.3, 8)
    assert one == other
    text, _ = typist.searched(inputs)
    ours = [tuple(c for c in row if 0 <= c < END) for row in text[:6, 0].tolist()]
    assert ours == one
