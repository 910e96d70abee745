"""StrokeNet's activations, its layers in any shape, and its two ways of inference."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from strokejax.networks.cnn import StrokeNet
from strokejax.networks.functions import conv3x3, max_pool, unit
from strokejax.networks.layers import BatchNorm, GroupNorm
from strokejax.networks.spec import EncoderSpec, build_encoder, build_inference

from .reference import QUICK, close, functional, images_of, stroke_net, to_jax, torch

SIMPLE = 1e-5
DEEP = 1e-4
EXAMPLES = 3

side = st.integers(2, 12)
batch = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)
quick = partial(jax.jit, compiler_options=QUICK)
few = settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.generate])
"""No shrinking: every shape is compiled anew."""


def channels_last(x):
    return x.permute(0, 2, 3, 1)


@pytest.mark.parametrize("train", [False, True])
def test_every_block_and_the_statistics(train):
    theirs = stroke_net(0, 63).train(train)
    params, model_state = to_jax(theirs)
    images = images_of(np.random.default_rng(0), 6)
    mask = jnp.ones(6, bool)
    with torch.no_grad():
        wanted = theirs.stages(torch.from_numpy(images)[:, None])
    net = StrokeNet(63, channel_dropout=0.0, dropout=0.0)
    apply = partial(
        net.apply,
        train=train,
        mutable=["batch_stats", "intermediates"],
        capture_intermediates=True,
    )
    variables = {"params": params, **model_state}
    _, changed = quick(apply)(variables, images[..., None], mask)
    found = {name: changed["intermediates"][name]["__call__"][0] for name in wanted}
    close(found["block1"], channels_last(wanted["block1"]), SIMPLE)
    for name in ("block2", "block3"):
        close(found[name], channels_last(wanted[name]), DEEP)
    close(found["out"], wanted["out"], DEEP)
    _, statistics = to_jax(theirs)
    close(changed["batch_stats"], statistics["batch_stats"], SIMPLE)
    moved = changed["batch_stats"]["block1"]["norm1"]["mean"]
    before = model_state["batch_stats"]["block1"]["norm1"]["mean"]
    assert bool((moved != before).all()) is train


@pytest.mark.parametrize("out_dim", [63, 64])
def test_both_heads_and_folded_inference(out_dim):
    theirs = stroke_net(1, out_dim).eval()
    params, model_state = to_jax(theirs)
    images = images_of(np.random.default_rng(1), 5)
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(images)[:, None])
    if out_dim == 64:
        wanted = functional.normalize(wanted, dim=-1)
    mask = jnp.ones(5, bool)
    spec = EncoderSpec(out_dim=out_dim, normalise=out_dim == 64)
    plain = build_encoder(spec), params, model_state
    for encoder, *weights in (plain, build_inference(spec, params, model_state)):
        apply = quick(partial(encoder.apply, train=False))
        found, _ = apply(*weights, {"image": images}, mask)
        close(found, wanted, DEEP)


@few
@given(b=batch, h=st.integers(8, 33), out=st.integers(1, 70))
def test_pictures_and_heads_of_any_size(b, h, out):
    theirs = stroke_net(2, out).eval()
    params, model_state = to_jax(theirs)
    images = images_of(np.random.default_rng(h), b, h)
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(images)[:, None])
    folded, params, model_state = build_inference(
        EncoderSpec(out_dim=out, normalise=False), params, model_state
    )
    apply = quick(partial(folded.apply, train=False))
    found, _ = apply(params, model_state, {"image": images}, jnp.ones(b, bool))
    close(found, wanted, DEEP)


@few
@given(b=batch, h=side, c=st.integers(1, 9), o=st.integers(1, 9), seed=seeds)
def test_convolution_pooling_and_unit_length(b, h, c, o, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(b, c, h, h)).astype(np.float32)
    kernel = rng.normal(0, (9 * c) ** -0.5, (o, c, 3, 3)).astype(np.float32)
    last = jnp.asarray(x.transpose(0, 2, 3, 1))
    there = functional.conv2d(torch.from_numpy(x), torch.from_numpy(kernel), padding=1)
    here = quick(conv3x3)(last, kernel.transpose(2, 3, 1, 0))
    close(here, channels_last(there), SIMPLE)
    pooled = functional.max_pool2d(torch.from_numpy(x), 2)
    close(max_pool(last), channels_last(pooled), 0.0)
    rows = x.reshape(b, -1)
    close(unit(rows), functional.normalize(torch.from_numpy(rows), dim=-1), SIMPLE)


@few
@given(b=batch, h=side, w=side, c=st.integers(1, 9), masked=batch, seed=seeds)
def test_batch_norm_sees_the_unmasked_only(b, h, w, c, masked, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(1.0, 3.0, (b + masked, h, w, c)).astype(np.float32)
    mask = jnp.arange(b + masked) < b
    theirs = torch.nn.BatchNorm2d(c)
    seen = torch.from_numpy(x[:b]).permute(0, 3, 1, 2)
    variables = {
        "params": {"scale": np.ones(c), "bias": np.zeros(c)},
        "batch_stats": {"mean": np.zeros(c), "var": np.ones(c)},
    }
    moving = quick(partial(BatchNorm().apply, train=True, mutable=["batch_stats"]))
    for _ in range(2):
        wanted = theirs(seen)
        found, statistics = moving(variables, x, mask)
        variables |= statistics
        close(found[:b], channels_last(wanted), SIMPLE)
    running = variables["batch_stats"]
    close(running["mean"], theirs.running_mean, SIMPLE)
    close(running["var"], theirs.running_var, SIMPLE)
    found = quick(partial(BatchNorm().apply, train=False))(variables, x, mask)
    close(found[:b], channels_last(theirs.eval()(seen)), SIMPLE)


@few
@given(b=batch, h=side, w=side, groups=st.integers(1, 4), seed=seeds)
def test_group_norm(b, h, w, groups, seed):
    rng = np.random.default_rng(seed)
    c = 8 * groups
    x = rng.normal(0.5, 2.0, (b, h, w, c)).astype(np.float32)
    scale, bias = rng.normal(size=(2, c)).astype(np.float32)
    theirs = functional.group_norm(
        torch.from_numpy(x).permute(0, 3, 1, 2),
        groups,
        torch.from_numpy(scale),
        torch.from_numpy(bias),
    )
    shapes = jax.eval_shape(GroupNorm().init, jax.random.key(0), x)
    ((name, _),) = shapes["params"].items()
    params = {name: {"scale": scale, "bias": bias}}
    found = quick(GroupNorm().apply)({"params": params}, x)
    close(found, channels_last(theirs), SIMPLE)


def test_ties_share_the_gradient_of_a_maximum():
    """PyTorch pays the first of equal pixels, a reshape pays all: the same sum."""
    x = torch.ones(1, 1, 2, 2, requires_grad=True)
    functional.max_pool2d(x, 2).sum().backward()
    found = jax.grad(lambda y: max_pool(y).sum())(jnp.ones((1, 2, 2, 1)))
    close(found, jnp.full((1, 2, 2, 1), 0.25), 0.0)
    assert float(x.grad.sum()) == 1.0
