"""Readers of lines against PyTorch: logits, gradients of CTC, and prefix search."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from strokejax.search import ctc
from strokejax.search.beam import read_ctc
from strokejax.search.language import no_language
from strokejax.tasks.lines.emnist_lines import CLASSES, SIZE
from strokejax.tasks.lines.network import STRIDE, line_net, windows_net

from .reference import QUICK, close, functional, torch  # isort: skip
from . import torch_lines  # isort: skip

OUTPUTS = 12
DEEP = 2e-4


@pytest.fixture(scope="module")
def ours():
    rng = np.random.default_rng(0)
    encoder = line_net(OUTPUTS, dropout=0.0)
    image = rng.integers(0, 256, (3, 40, 64), np.uint8)
    inputs = {"image": image, "width": np.full(3, 64, np.int32)}
    init = jax.jit(encoder.init, compiler_options=QUICK)
    params, state = init(jax.random.key(0), inputs)
    state = jax.tree.map(lambda x: x + 0.2 * rng.random(x.shape, np.float32), state)
    return encoder, params, state, inputs


def test_logits(ours):
    encoder, params, state, inputs = ours
    mask = jnp.ones(3, bool)
    found, _ = encoder.apply(params, state, inputs, mask, train=False)
    theirs = torch_lines.load(torch_lines.LineNet(OUTPUTS), params, state)
    image = torch.from_numpy(inputs["image"][:, None].astype(np.float32) / 255)
    with torch.no_grad():
        close(found, theirs(image), DEEP)


def test_loss_and_gradients():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(4, 11, 6)).astype(np.float32)
    steps, length = np.array([11, 9, 10, 11]), np.array([4, 2, 3, 1])
    labels = np.full((4, 5), -1)
    for i, n in enumerate(length):
        labels[i, :n] = rng.integers(0, 5, n)
    loss, gradient = jax.value_and_grad(ctc.loss)(
        jnp.asarray(logits), jnp.asarray(steps), jnp.asarray(labels), jnp.ones(4, bool)
    )
    x = torch.from_numpy(logits).requires_grad_()
    theirs = functional.ctc_loss(
        x.log_softmax(-1).transpose(0, 1),
        torch.from_numpy(np.maximum(labels, 0)),
        torch.from_numpy(steps),
        torch.from_numpy(length),
        blank=5,
        reduction="sum",
    )
    theirs = theirs / int(length.sum())
    theirs.backward()
    close(loss, theirs.detach(), 1e-5)
    close(gradient, x.grad, 1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_prefix_search_finds_the_text_of_plain_python(seed):
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=(1, 12, 7)).astype(np.float32)
    log_p = jax.nn.log_softmax(jnp.asarray(logits))
    wanted, sure = torch_lines.prefix_search(np.asarray(log_p[0]), 16, 6)
    guide = no_language(6)
    found = read_ctc(log_p, jnp.array([12]), guide, width=16, candidates=6, limit=12)
    text = found.text[0, 0, : int(found.length[0, 0])].tolist()
    assert tuple(text) == wanted
    assert float(found.evidence[0, 0]) == pytest.approx(sure, abs=1e-4)


def test_the_published_network_window_by_window():
    """One batched call over a line equals a loop over its windows, in both."""
    encoder = windows_net()
    rng = np.random.default_rng(2)
    line = rng.integers(0, 256, (1, SIZE, 3 * SIZE), np.uint8)
    init = jax.jit(encoder.init, compiler_options=QUICK)
    params, state = init(jax.random.key(0), {"image": line})
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    assert count == 1_654_035
    theirs = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 64, 3, padding=1), torch.nn.ReLU()),
        *(torch.nn.Conv2d(64, 64, 3, padding=1), torch.nn.ReLU()),
        *(torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12_544, 128)),
        *(torch.nn.ReLU(), torch.nn.Linear(128, len(CLASSES))),
    )
    assert sum(p.numel() for p in theirs.parameters()) == count
    own = params["windows"]
    hidden = np.asarray(own["hidden"]["kernel"]).reshape(14, 14, 64, 128)
    for layer, weight, bias in (
        (0, own["conv1"]["kernel"], own["conv1_bias"]),
        (2, own["conv2"]["kernel"], own["conv2_bias"]),
    ):
        weight = np.asarray(weight).transpose(3, 2, 0, 1)
        theirs[layer].weight.data = torch_lines.tensor(weight)
        theirs[layer].bias.data = torch_lines.tensor(bias)
    flat = hidden.transpose(3, 2, 0, 1).reshape(128, -1)
    theirs[6].weight.data = torch_lines.tensor(flat)
    theirs[6].bias.data = torch_lines.tensor(own["hidden"]["bias"])
    theirs[8].weight.data = torch_lines.tensor(np.asarray(own["out"]["kernel"]).T)
    theirs[8].bias.data = torch_lines.tensor(own["out"]["bias"])
    mask = jnp.ones(1, bool)
    found, _ = encoder.apply(params, state, {"image": line}, mask, train=False)
    for i in range(3):
        window = line[:, :, SIZE * i : SIZE * (i + 1)]
        alone, _ = encoder.apply(params, state, {"image": window}, mask, train=False)
        close(found[:, i], alone[:, 0], 1e-5)
        with torch.no_grad():
            given = torch.from_numpy(window[:, None].astype(np.float32) / 255)
            close(found[:, i], theirs(given), 1e-4)
    assert found.shape == (1, 3, len(CLASSES))
    assert STRIDE * 7 == SIZE
