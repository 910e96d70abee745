"""Gradients of both heads, and five steps of training, through the real train step."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from strokejax.networks.spec import EncoderSpec, build_encoder
from strokejax.table.losses import cross_entropy
from strokejax.train.objective import Objective, class_logits
from strokejax.train.optim import make_optimizer
from strokejax.train.state import create_state
from strokejax.train.steps import make_train_step
from strokejax.types import Batch

from .reference import (
    QUICK,
    EmbeddingHead,
    close,
    functional,
    gradients,
    images_of,
    stroke_net,
    to_jax,
    torch,
)

GRADIENT = 1e-4
LOSS = 1e-4
OPTIMIZER = 1e-6
TRAINED = 1e-6
STEPS = 5
CLASSES = 63
SEEN, PADDED = 6, 2
"""Our batches are padded; PyTorch's have no such rows."""
LEARNING_RATE = 1e-3
DECAY = 1.0
"""So strong that one tensor too many, or too few, would show after five steps."""


def head(mode):
    """PyTorch's network, and the same weights here."""
    theirs = stroke_net(4, 63 if mode == "argmax" else 64)
    if mode == "nn-sampling":
        theirs = EmbeddingHead(theirs, CLASSES)
    return theirs.train(), *ours(theirs)


def ours(theirs, tensors=None):
    """`(params, model_state)` of either head, with `tensors` in place of parameters."""
    if not isinstance(theirs, EmbeddingHead):
        network, model_state = to_jax(theirs, tensors)
        return {"encoder": network, "table": {}}, model_state
    own = tensors or dict(theirs.named_parameters())
    inner = {k.removeprefix("encoder."): v for k, v in own.items() if "." in k}
    network, model_state = to_jax(theirs.encoder, inner)
    table = {
        name: jnp.array(own[name].detach().numpy())
        for name in ("embeddings", "log_scale")
    }
    return {"encoder": network, "table": table}, model_state


def encoder_of(mode):
    argmax = mode == "argmax"
    return build_encoder(
        EncoderSpec(out_dim=63 if argmax else 64, normalise=not argmax)
    )


def batches(steps, dtype=np.float32):
    rng = np.random.default_rng(5)
    n = SEEN + PADDED
    for _ in range(steps):
        images = images_of(rng, n).astype(dtype)
        labels = rng.integers(0, CLASSES, n)
        yield Batch({"image": images}, labels.astype(np.int32), np.arange(n) < SEEN)


def their_loss(theirs, batch):
    """Mean over the rows that are not padding."""
    images = torch.from_numpy(batch.inputs["image"][:SEEN, None])
    labels = torch.from_numpy(batch.labels[:SEEN].astype(np.int64))
    return functional.cross_entropy(theirs(images), labels)


@pytest.mark.parametrize("mode", ["argmax", "nn-sampling"])
def test_gradients(mode):
    theirs, params, model_state = head(mode)
    (batch,) = batches(1)
    encoder = encoder_of(mode)

    @partial(jax.jit, compiler_options=QUICK)
    @jax.value_and_grad
    def here(params):
        out, _ = encoder.apply(
            params["encoder"],
            model_state,
            batch.inputs,
            batch.mask,
            train=True,
            key=jax.random.key(0),
        )
        logits = class_logits(mode, params["table"], out)
        return cross_entropy(logits, batch.labels, batch.mask, np.ones(CLASSES, bool))

    loss, found = here(params)
    wanted = their_loss(theirs, batch)
    wanted.backward()
    close(loss, wanted, LOSS)
    close(found, ours(theirs, gradients(theirs))[0], GRADIENT)
    assert all(bool(jnp.any(leaf)) for leaf in jax.tree.leaves(found))


def their_optimizer(theirs, weight_decay):
    """AdamW with decay on kernels only: what has more than one axis, but no table."""
    if not weight_decay:
        return torch.optim.Adam(theirs.parameters(), lr=LEARNING_RATE)
    named = list(theirs.named_parameters())
    kernels = [p for name, p in named if p.ndim > 1 and name != "embeddings"]
    rest = [p for name, p in named if p.ndim < 2 or name == "embeddings"]
    groups = [
        {"params": kernels, "weight_decay": weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=LEARNING_RATE)


@pytest.mark.parametrize("weight_decay", [0.0, DECAY], ids=["adam", "adamw"])
def test_five_steps_on_the_same_gradients(weight_decay):
    theirs, params, _ = head("nn-sampling")
    descent = their_optimizer(theirs, weight_decay)
    optimizer = make_optimizer(
        params, train="all", learning_rate=LEARNING_RATE, weight_decay=weight_decay
    )
    state = optimizer.init(params)

    @partial(jax.jit, compiler_options=QUICK)
    def step(params, state, grads):
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    for _ in range(STEPS):
        for parameter in theirs.parameters():
            parameter.grad = torch.randn_like(parameter)
        params, state = step(params, state, ours(theirs, gradients(theirs))[0])
        descent.step()
    close(params, ours(theirs)[0], OPTIMIZER)


@pytest.mark.parametrize(
    ("mode", "weight_decay"),
    [("argmax", 0.0), ("nn-sampling", DECAY)],
    ids=["argmax-adam", "nn-sampling-adamw"],
)
def test_five_steps_of_training(mode, weight_decay):
    """In float64: in float32 PyTorch disagrees with itself after five steps.

    An activation within rounding of 0 has the slope 0 on one side and 1 on the other,
    and Adam's first steps have the same length however small a gradient is.
    """
    theirs, params, model_state = head(mode)
    with jax.enable_x64(True):
        theirs = theirs.double()
        params, model_state = jax.tree.map(np.float64, (params, model_state))
        descent = their_optimizer(theirs, weight_decay)
        optimizer = make_optimizer(
            params, train="all", learning_rate=LEARNING_RATE, weight_decay=weight_decay
        )
        step = make_train_step(
            encoder_of(mode), optimizer, Objective(mode), jnp.ones(CLASSES, bool)
        )
        state = create_state(params, model_state, optimizer, jax.random.key(0))
        data = list(batches(STEPS, np.float64))
        step = step.lower(state, data[0]).compile(QUICK)
        for batch in data:
            state, metrics = step(state, batch)
            descent.zero_grad()
            loss = their_loss(theirs, batch)
            loss.backward()
            descent.step()
            close(metrics["loss"], loss, TRAINED)
        params, model_state = ours(theirs)
        close(state.model_state, model_state, TRAINED)
        close(state.params, params, TRAINED)
