"""StrokeNet and its inference twin: sizes, statistics, masks."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from strokejax.ink.raster import rasterize
from strokejax.networks.functions import max_pool, to_images, unit
from strokejax.networks.layers import BatchNorm, GroupNorm
from strokejax.networks.spec import EncoderSpec, build_encoder, build_inference
from strokejax.networks.summary import summary
from strokejax.types import Batch, InputError
from tests.support.strategies import picture_batches, seeds

SPEC = EncoderSpec()
SIDE = 12
SMALL = EncoderSpec(out_dim=8, size=SIDE, margin=2)
ROWS = 6

few = settings(max_examples=8)


def network(spec, seed=0, **options):
    """An encoder, its shaken parameters and its shaken statistics."""
    encoder = build_encoder(spec, **options)
    image = {"image": np.zeros((1, spec.size, spec.size), np.float32)}
    shapes = jax.eval_shape(encoder.init, jax.random.key(0), image)
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        if path[-1].key in ("scale", "var"):
            return rng.uniform(0.5, 2, leaf.shape).astype(np.float32)
        spread = 1 / np.sqrt(max(np.prod(leaf.shape[:-1]), 10))
        return (spread * rng.normal(size=leaf.shape)).astype(np.float32)

    return encoder, *jax.tree_util.tree_map_with_path(draw, shapes)


def size(tree):
    return sum(np.prod(leaf.shape, dtype=int) for leaf in jax.tree.leaves(tree))


def shapes_of(spec):
    image = {"image": jnp.zeros((2, spec.size, spec.size))}
    return jax.eval_shape(build_encoder(spec).init, jax.random.key(0), image)


def same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def close(a, b, atol=1e-5):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=atol), a, b)


# Sizes


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize(
    ("out_dim", "normalise", "count"), [(63, False, 306_735), (64, True, 306_864)]
)
def test_parameter_counts_are_the_published_ones(norm, out_dim, normalise, count):
    spec = EncoderSpec(out_dim=out_dim, normalise=normalise, norm=norm)
    params, model_state = shapes_of(spec)
    assert size(params) == count
    # Mean and variance of each channel under BatchNorm; GroupNorm has no state.
    statistics = 2 * (16 + 32 + 64 + 64 + 128 + 128)
    assert size(model_state) == (statistics if norm == "batch" else 0)


@pytest.mark.parametrize("out_dim", [27, 64])
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_the_summary_counts_parameters_and_flops(out_dim, norm):
    spec = EncoderSpec(out_dim=out_dim, norm=norm, normalise=False)
    image = {"image": np.zeros((2, 28, 28), np.uint8)}
    encoder = build_encoder(spec)
    params, model_state = encoder.init(jax.random.key(0), image)
    head, *rows = summary(encoder, params, model_state, image).splitlines()
    (total,) = re.findall(r"([\d,]+) parameters", head)
    assert int(total.replace(",", "")) == size(params)
    assert sum(int(row.split()[-1].replace(",", "")) for row in rows) == size(params)
    assert {row.split()[0] for row in rows} == params.keys()
    # 9 products a weight and pixel, on 28, 14 and 7 pixels; two FLOPs each, or fewer
    # where Winograd's algorithm saves products.
    products = 9 * (784 * (16 + 16 * 32) + 196 * (32 * 64 + 64**2) + 49 * 3 * 128 * 64)
    (flops,) = re.findall(r"([\d.]+) MFLOPs", head)
    assert products / 1e6 < float(flops) < 3 * products / 1e6
    assert head.endswith(f"output [{out_dim}]")


def test_unknown_architectures_are_refused_by_name():
    with pytest.raises(InputError, match=r"'line_net'.*stroke_net.*\.$"):
        build_encoder(SMALL._replace(architecture="line_net"))


# Answers


@pytest.fixture(scope="module")
def inference():
    encoder, params, model_state = network(SPEC)
    apply = jax.jit(encoder.apply, static_argnames="train")
    return apply, params, model_state


def images_of(seed, side=SIDE):
    # Coarse patches: of white noise the network thinks the same, whatever the seed.
    patches = np.random.default_rng(seed).random((ROWS, 4, 4), np.float32)
    return {"image": patches.repeat(side // 4, 1).repeat(side // 4, 2)}


EVERY = np.ones(ROWS, bool)


@few
@given(seeds)
def test_permuting_a_batch_permutes_its_embeddings_of_length_one(inference, seed):
    apply, params, model_state = inference
    inputs = images_of(seed, SPEC.size)
    order = np.random.default_rng(seed).permutation(ROWS)
    z, state = apply(params, model_state, inputs, EVERY, train=False)
    permuted = {"image": inputs["image"][order]}
    again, _ = apply(params, model_state, permuted, EVERY, train=False)
    np.testing.assert_allclose(again, np.asarray(z)[order], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-5)
    same(state, model_state)


def test_the_folded_network_gives_the_same_answers(inference):
    apply, *network = inference
    inputs = images_of(1, SPEC.size)
    wanted, _ = apply(*network, inputs, EVERY, train=False)
    folded, params, model_state = build_inference(SPEC, *network)
    found, state = jax.jit(folded.apply)(params, model_state, inputs, EVERY)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.ptp(wanted, axis=0).max() > 1e-2  # not one answer for everything
    same(state, model_state)


def test_a_folded_network_cannot_be_initialised():
    _, params, model_state = network(SPEC)
    folded, *_ = build_inference(SPEC, params, model_state)
    with pytest.raises(TypeError, match="fold"):
        folded.init(jax.random.key(0), images_of(0))


# Training: masks and statistics


@pytest.fixture(scope="module")
def trained():
    """Embeddings, gradients and statistics of a training pass, jitted."""
    encoder, params, model_state = network(SMALL)
    weight = np.random.default_rng(9).normal(size=(ROWS, 8)).astype(np.float32)

    def loss(params, batch):
        z, state = encoder.apply(
            params,
            model_state,
            batch.inputs,
            batch.mask,
            train=True,
            key=jax.random.key(0),
        )
        return jnp.sum(jnp.where(batch.mask[:, None], z * weight, 0.0)), (z, state)

    step = jax.jit(jax.grad(loss, has_aux=True))
    return lambda batch: step(params, batch), model_state


@few
@given(picture_batches(rows=ROWS, side=SIDE))
def test_masked_examples_change_nothing(trained, batch):
    step, _ = trained
    gradient, (z, state) = step(batch)
    images = np.where(batch.mask[:, None, None], batch.inputs["image"], 3.0)
    other = batch._replace(inputs={"image": images.astype(np.float32)})
    same_gradient, (same_z, same_state) = step(other)
    close(same_gradient, gradient, atol=1e-6)
    same(same_state, state)
    np.testing.assert_array_equal(
        np.asarray(same_z)[batch.mask], np.asarray(z)[batch.mask]
    )
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_an_all_masked_batch_leaves_the_statistics(trained):
    step, model_state = trained
    none = Batch(images_of(0), np.zeros(ROWS, np.int32), ~EVERY)
    gradient, (z, state) = step(none)
    same(state, model_state)
    assert np.isfinite(z).all()
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient))


@given(seeds)
def test_batch_norm_follows_pytorch_by_hand(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 2, (4, 2, 3, 5)).astype(np.float32)
    mask = np.array([True, rng.random() < 0.5, False, True])
    scale, bias, mean = rng.normal(size=(3, 5)).astype(np.float32)
    var = rng.uniform(0.1, 2, 5).astype(np.float32)
    variables = {
        "params": {"scale": scale, "bias": bias},
        "batch_stats": {"mean": mean, "var": var},
    }
    y, moved = normalise(variables, x, mask)
    seen = x[mask].reshape(-1, 5).astype(float)
    wanted = (x - seen.mean(0)) / np.sqrt(seen.var(0) + 1e-5) * scale + bias
    np.testing.assert_allclose(y, wanted, atol=1e-4)
    running = moved["batch_stats"]
    np.testing.assert_allclose(
        running["mean"], 0.9 * mean + 0.1 * seen.mean(0), atol=1e-5
    )
    # The running variance is the unbiased one.
    np.testing.assert_allclose(
        running["var"], 0.9 * var + 0.1 * seen.var(0, ddof=1), rtol=1e-4
    )


@jax.jit
def normalise(variables, x, mask):
    return BatchNorm().apply(variables, x, mask, train=True, mutable=["batch_stats"])


def test_group_norm_by_hand(rng):
    x = rng.normal(3, 2, (4, 2, 3, 16)).astype(np.float32)
    y, _ = jax.jit(GroupNorm().init_with_output)(jax.random.key(0), x)
    # Two groups of eight channels; every example by itself.
    groups = x.reshape(4, 6, 2, 8).transpose(0, 2, 1, 3).reshape(4, 2, 48)
    mean, var = groups.mean(-1), groups.var(-1)
    spread = np.sqrt(var + 1e-5).repeat(8, 1)[:, None, None]
    wanted = (x - mean.repeat(8, 1)[:, None, None]) / spread
    np.testing.assert_allclose(y, wanted, atol=1e-4)


@pytest.fixture(scope="module")
def half_frozen():
    """A training pass with two frozen blocks and dropout, by key."""
    options = {"frozen": ("block1", "block2"), "channel_dropout": 0.2, "dropout": 0.3}
    encoder, params, model_state = network(SMALL, **options)
    apply = jax.jit(partial(encoder.apply, train=True))

    def train(seed):
        key = jax.random.key(seed)
        return apply(params, model_state, images_of(3), EVERY, key=key)

    # Dropout in inference would ask for a key.
    still = partial(encoder.apply, train=False)
    jax.eval_shape(still, params, model_state, images_of(3), EVERY)
    return train, model_state["batch_stats"]


def test_frozen_blocks_keep_their_statistics_bit_for_bit(half_frozen):
    train, before = half_frozen
    after = train(0)[1]["batch_stats"]
    for block in ("block1", "block2"):
        same(after[block], before[block])
    moved = jax.tree.map(lambda a, b: (a != b).all(), before["block3"], after["block3"])
    assert all(jax.tree.leaves(moved))


def test_dropout_follows_its_key(half_frozen):
    train, _ = half_frozen
    first, again, other = (np.asarray(train(seed)[0]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


# Parts


def test_max_pool_is_the_windowed_one_with_its_gradient(rng):
    # Without ties, where the two share the gradient out differently.
    x = rng.permutation(2 * 7 * 6 * 3).reshape(2, 7, 6, 3).astype(np.float32)
    weight = rng.normal(size=(2, 3, 3, 3)).astype(np.float32)

    def windowed(x):
        window = (1, 2, 2, 1)
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")

    @jax.jit
    def pooled(x):
        found = [jax.vjp(pool, x) for pool in (max_pool, windowed)]
        return [(y, back(weight)) for y, back in found]

    ours, theirs = pooled(x)
    same(ours, theirs)
    assert ours[0].shape == weight.shape
    assert np.abs(ours[1]).sum() > 0


def test_unit_leaves_zero_rows_with_a_finite_gradient():
    x = jnp.array([[3.0, 4.0], [0.0, 0.0]])
    y, back = jax.vjp(jax.jit(unit), x)
    np.testing.assert_allclose(y, [[0.6, 0.8], [0, 0]], atol=1e-6)
    assert np.isfinite(back(jnp.ones_like(x))[0]).all()


def test_pictures_are_given_as_bytes_as_fractions_or_as_ink(rng):
    grey = rng.integers(0, 256, (2, SIDE, SIDE)).astype(np.uint8)
    whole = to_images({"image": grey})
    assert whole.shape == (2, SIDE, SIDE, 1)
    np.testing.assert_allclose(whole[..., 0], grey / 255, atol=1e-7)
    np.testing.assert_allclose(
        to_images({"image": (grey / 255).astype(np.float32)}), whole, atol=1e-6
    )
    points = rng.uniform(-0.5, 0.5, (2, 9, 3)).astype(np.float32)
    pens = np.array([1.0, 2.5], np.float32)
    raster = {"size": SIDE, "margin": 2}

    @jax.jit
    def drawn():
        each = to_images({"points": points, "width": pens}, width=9.0, **raster)
        same = to_images({"points": points}, width=1.0, **raster)
        return each, same, rasterize(points, pens, **raster)

    each, same, wanted = drawn()
    np.testing.assert_allclose(each[..., 0], wanted, atol=1e-6)
    np.testing.assert_allclose(same[0, ..., 0], wanted[0], atol=1e-6)
    assert np.abs(same[1, ..., 0] - wanted[1]).max() > 0.1
