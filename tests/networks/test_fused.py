"""Shape, motion and size in one network: what is missing changes nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.data.dataset import Dataset, mix
from strokejax.ink.packed import pack
from strokejax.ink.resample import resample
from strokejax.ink.synthesis.handwriting import scribble
from strokejax.networks import inputs
from strokejax.networks.cnn import ResidualBlock
from strokejax.networks.functions import (
    MOTION,
    SHAPE,
    conv1d,
    max_over_points,
    motion_features,
    pool_pairs,
    scaled,
)
from strokejax.networks.fused import ModalityDropout, _drop_modalities, fused_net
from strokejax.networks.inputs import draw, modalities
from strokejax.networks.spec import EncoderSpec, build_encoder, build_inference
from strokejax.networks.summary import summary
from strokejax.recognizer import load
from strokejax.table.losses import cross_entropy
from strokejax.table.table import init_table, table_logits, training_logits
from strokejax.train.objective import Objective, competing_classes
from strokejax.types import Ink, InputError

ARCHITECTURES = ("stroke_net", "motion", "fused")
B = 6


def ink_inputs(seed, count=B):
    rng = np.random.default_rng(seed)
    points = resample(pack([scribble(rng) for _ in range(count)]), 64)
    return {"points": points, "size": rng.uniform(0.3, 3, count).astype(np.float32)}


def trained(architecture, seed=0, **sizes):
    """An encoder whose statistics are not those of the start."""
    encoder = build_encoder(EncoderSpec(architecture=architecture, **sizes))
    params, state = encoder.init(jax.random.key(seed), ink_inputs(seed))
    noise = jax.random.key(seed + 1)
    state = jax.tree.map(
        lambda x: jnp.abs(x + 0.3 * jax.random.normal(noise, x.shape)), state
    )
    return encoder, params, state


def embedded(encoder, params, state, inputs):
    mask = np.ones(len(next(iter(inputs.values()))), bool)
    return np.asarray(encoder.apply(params, state, inputs, mask, train=False)[0])


@pytest.fixture(scope="module")
def fused():
    return trained("fused")


SIZES = [
    ("stroke_net", {"channels": 0.25, "convs": 1}),
    ("motion", {"channels": 0.5}),
    ("fused", {"channels": 0.5, "convs": 1}),
]
COUNTED = [
    *SIZES,
    ("resnet", {"channels": 0.5}),
    *((name, {}) for name in (*ARCHITECTURES, "resnet")),
]


@pytest.mark.parametrize(("architecture", "sizes"), COUNTED)
def test_the_summary_counts_the_parameters(architecture, sizes):
    spec = EncoderSpec(architecture=architecture, **sizes)
    encoder, given = build_encoder(spec), ink_inputs(0)
    params, state = jax.eval_shape(encoder.init, jax.random.key(0), given)
    count = sum(x.size for x in jax.tree.leaves(params))
    assert count < (200_000 if sizes else 700_000)
    assert f"{count:,} parameters" in summary(encoder, params, state, given)


@pytest.mark.parametrize(("architecture", "sizes"), SIZES)
def test_widths_and_single_convolutions_fold(architecture, sizes):
    encoder, params, state = trained(architecture, **sizes)
    spec = EncoderSpec(architecture=architecture, **sizes)
    inputs = ink_inputs(3)
    wanted = embedded(encoder, params, state, inputs)
    for fast in (True, False):
        found = embedded(*build_inference(spec, params, state, fast=fast), inputs)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_channels_are_multiples_of_eight_and_blocks_keep_their_last():
    assert scaled(SHAPE, 1.0) == SHAPE
    assert scaled(SHAPE, 0.25) == ((8, 8), (16, 16), (32, 32))
    assert scaled(SHAPE, 1.3, 1) == ((40,), (80,), (168,))
    assert scaled(MOTION, 2.0) == ((128,), (128, 256), (256, 256))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kind", ["sized", "ink", "picture"])
def test_folded_equals_unfolded(architecture, kind):
    encoder, params, state = trained(architecture)
    spec = EncoderSpec(architecture=architecture)
    inputs = ink_inputs(3)
    if kind == "ink":
        del inputs["size"]
    if kind == "picture":
        picture = np.random.default_rng(0).random((B, 28, 28), np.float32)
        inputs = {"image": picture}
    wanted = embedded(encoder, params, state, inputs)
    for fast in (True, False):
        folded = build_inference(spec, params, state, fast=fast)
        found = embedded(*folded, inputs)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_an_unknown_size_is_no_size(fused):
    inputs = ink_inputs(1)
    without = embedded(*fused, {"points": inputs["points"]})
    for unknown in (np.nan, np.inf, 0.0, -1.0):
        size = np.full(B, unknown, np.float32)
        found = embedded(*fused, inputs | {"size": size})
        np.testing.assert_array_equal(found, without)
    assert not np.allclose(embedded(*fused, inputs), without, atol=1e-3)


def test_sizes_beyond_the_limit_are_alike(fused):
    inputs = ink_inputs(1)
    huge = [inputs | {"size": np.full(B, s, np.float32)} for s in (8.0, 1e6)]
    np.testing.assert_array_equal(*(embedded(*fused, each) for each in huge))


def test_pictures_beside_ink_are_each_seen_for_themselves(fused):
    ink = ink_inputs(2)
    picture = np.random.default_rng(2).integers(0, 256, (B, 28, 28), np.uint8)
    has_ink = np.arange(B) % 2 == 0
    both = ink | {"image": picture, "has_ink": has_ink}
    found = embedded(*fused, both)
    np.testing.assert_allclose(
        found[has_ink], embedded(*fused, ink)[has_ink], atol=1e-6
    )
    alone = embedded(*fused, {"image": picture})
    np.testing.assert_allclose(found[~has_ink], alone[~has_ink], atol=1e-6)


def test_what_a_picture_lacks_gets_no_gradient(fused):
    encoder, params, state = fused
    picture = np.random.default_rng(2).random((B, 28, 28), np.float32)
    mask = np.ones(B, bool)

    def loss(params):
        settings = {"train": True, "key": jax.random.key(0)}
        z, _ = encoder.apply(params, state, {"image": picture}, mask, **settings)
        return jnp.sum(z[:, 0])

    gradient = jax.jit(jax.grad(loss))(params)
    for leaf in jax.tree.leaves(gradient["motion"]):
        assert not np.asarray(leaf).any()
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradient))


def test_pictures_leave_the_statistics_of_motion_alone(fused):
    encoder, params, state = fused
    picture = np.random.default_rng(2).random((B, 28, 28), np.float32)
    settings = {"train": True, "key": jax.random.key(0)}
    mask = np.ones(B, bool)
    _, after = encoder.apply(params, state, {"image": picture}, mask, **settings)
    pairs = zip(
        jax.tree.leaves(state["batch_stats"]["motion"]),
        jax.tree.leaves(after["batch_stats"]["motion"]),
        strict=True,
    )
    for old, new in pairs:
        np.testing.assert_array_equal(old, new)


@given(st.integers(0, 100))
def test_training_hides_parts_but_never_all(seed):
    seen = {
        "shape": jnp.ones(200, bool),
        "motion": jnp.arange(200) % 2 == 0,
        "size": jnp.arange(200) % 4 == 0,
    }
    found, size = _drop_modalities(
        jax.random.key(seed), seen, jnp.zeros(200), ModalityDropout()
    )
    for name, kept in found.items():
        assert not (kept & ~seen[name]).any()
    assert (found["shape"] | found["motion"]).all()
    assert (~found["shape"]).any()
    assert (seen["motion"] & ~found["motion"]).any()
    assert 0.05 < float(size.std()) < 0.3


# Shortcuts


def test_a_stage_whose_last_norm_is_silent_is_its_shortcut(rng):
    x = rng.random((2, 4, 4, 8), np.float32)
    mask, stage = np.ones(2, bool), ResidualBlock((8, 8))
    variables = jax.jit(stage.init, static_argnums=3)(jax.random.key(0), x, mask, False)
    answer = jax.jit(stage.apply, static_argnums=3)
    assert not np.allclose(answer(variables, x, mask, False), x, atol=1e-2)
    silent = variables["params"] | {
        "norm2": jax.tree.map(jnp.zeros_like, variables["params"]["norm2"])
    }
    found = answer(variables | {"params": silent}, x, mask, False)
    np.testing.assert_allclose(found, x, atol=1e-6)


def test_a_residual_network_is_served_as_it_was_trained():
    encoder = build_encoder(spec := EncoderSpec(architecture="resnet", size=12))
    inputs = {"image": np.random.default_rng(0).random((B, 12, 12), np.float32)}
    params, state = jax.jit(encoder.init)(jax.random.key(0), inputs)
    mask, first = np.ones(B, bool), slice(0, 2)

    @jax.jit
    def answer(inputs, mask):
        served = build_inference(spec, params, state)
        return served[0].apply(*served[1:], inputs, mask, train=False)[0]

    z = answer(inputs, mask)
    np.testing.assert_allclose((z**2).sum(-1), 1, atol=1e-5)
    # Statistics are running ones: who else is in the batch makes no difference.
    few = answer({"image": inputs["image"][first]}, mask[first])
    np.testing.assert_allclose(few, z[first], atol=1e-5)


# Motion


@given(st.integers(0, 1000), st.integers(1, 3))
def test_conv1d_is_the_convolution(seed, channels):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 9, channels)).astype(np.float32)
    kernel = rng.normal(size=(5, channels, 4)).astype(np.float32)
    wanted = jax.lax.conv_general_dilated(
        x, kernel, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")
    )
    np.testing.assert_allclose(conv1d(x, kernel), wanted, atol=1e-4)


@given(st.integers(0, 1000), st.integers(2, 9))
def test_maxima_are_those_of_numpy_and_one_point_gets_the_gradient(seed, count):
    x = np.random.default_rng(seed).normal(size=(2, count, 3)).astype(np.float32)
    pairs = x[:, : count // 2 * 2].reshape(2, -1, 2, 3)
    np.testing.assert_array_equal(pool_pairs(x), pairs.max(2))
    np.testing.assert_array_equal(max_over_points(x), x.max(1))
    gradient = jax.grad(lambda x: max_over_points(x).sum())(x)
    np.testing.assert_array_equal(gradient, x == x.max(1, keepdims=True))


def test_features_of_a_corner_by_hand():
    points = np.array([[0, 0, 0], [0.5, 0, 1], [0.5, 0.5, 1], [0, 0.5, 0]], np.float32)
    wanted = [
        [0, 0, 0, 0, 1, 0],
        [1, 0, 1, 0, 0, 0],
        [1, 1, 0, 1, 0, 1],
        [0, 1, 0, 0, 1, 1],
    ]
    np.testing.assert_allclose(motion_features(points[None])[0], wanted, atol=1e-6)


def test_a_tap_has_no_direction_and_a_finite_gradient():
    tap = np.zeros((1, 8, 3), np.float32)
    tap[:, 1:, 2] = 1
    found = motion_features(tap)
    assert not np.asarray(found[..., 2:4]).any()
    gradient = jax.grad(lambda x: motion_features(x).sum())(tap)
    assert np.isfinite(gradient).all()


def test_a_stroke_drawn_backwards_moves_otherwise_and_looks_alike():
    encoder, params, state = trained("fused")
    there = np.random.default_rng(0).normal(size=(30, 2)).cumsum(0)
    nothing = np.full((30, 1), np.nan)
    inks = [
        Ink((np.column_stack([way, nothing]).astype(np.float32),))
        for way in (there, there[::-1])
    ]
    points = resample(pack(inks), 64)
    shape, *_ = trained("stroke_net"), None
    looks = embedded(*shape, {"points": points})
    moves = embedded(encoder, params, state, {"points": points})
    np.testing.assert_allclose(looks[0], looks[1], atol=1e-2)
    assert np.abs(moves[0] - moves[1]).max() > 1e-2


# Mixtures


def part(name, n, inputs, symbols=("a", "b")):
    labels = np.arange(n, dtype=np.int32) % len(symbols)
    groups = np.array([f"{name} {i}" for i in range(n)])
    return Dataset(f"{name}/train", inputs, labels, symbols, groups, "writer")


def test_a_mixture_keeps_every_sample_and_marks_what_is_missing():
    points = np.random.default_rng(0).random((4, 64, 3), np.float32)
    sizes = np.arange(1, 5, dtype=np.float32)
    pictures = np.full((3, 28, 28), 7, np.uint8)
    ink = part("ink", 4, {"points": points, "size": sizes})
    seen = part("seen", 3, {"image": pictures}, ("a", "c", "d"))
    mixed = mix([ink, seen])
    assert mixed.symbols == ("a", "b", "seen:a", "seen:c", "seen:d")
    assert mixed.origin is not None
    assert mixed.origin.tolist() == [0, 0, 1, 1, 1]
    assert mixed.labels.tolist() == [0, 1, 0, 1, 2, 3, 4]
    assert mixed.inputs["has_ink"].tolist() == [True] * 4 + [False] * 3
    np.testing.assert_array_equal(mixed.inputs["points"][:4], points)
    np.testing.assert_array_equal(mixed.inputs["image"][4:], pictures)
    assert not mixed.inputs["points"][4:].any()
    assert not mixed.inputs["image"][:4].any()
    np.testing.assert_array_equal(mixed.inputs["size"][:4], sizes)
    assert np.isnan(mixed.inputs["size"][4:]).all()


def test_one_encoder_for_any_raster():
    encoder = fused_net(8, normalise=True, size=12, margin=1, width=2.0)
    params, state = encoder.init(jax.random.key(0), ink_inputs(0))
    z = embedded(encoder, params, state, ink_inputs(0))
    np.testing.assert_allclose((z**2).sum(-1), 1, atol=1e-5)


def test_an_example_is_told_from_its_own_data_sets_classes_only():
    table = init_table(jax.random.key(0), 5, 8)
    z = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    labels, mask = np.array([0, 1, 3, 0]), np.ones(4, bool)
    origin = np.array([0, 0, 1, 1, -1], np.int32)
    active = origin >= 0
    objective = Objective("nn-sampling", origin=origin)
    own = competing_classes(objective, active, labels)
    assert np.asarray(own).tolist() == [
        [True, True, False, False, False],
        [True, True, False, False, False],
        [False, False, True, True, False],
        [True, True, False, False, False],
    ]
    logits = training_logits(table, z)
    np.testing.assert_allclose(logits, table_logits(table, z), atol=1e-4)
    whole = cross_entropy(logits, labels, mask, own)
    parts = []
    for rows, classes in ((np.array([0, 1, 3]), [0, 1]), (np.array([2]), [2, 3])):
        few = cross_entropy(
            logits[rows][:, classes],
            labels[rows] - classes[0],
            mask[rows],
            np.ones(2, bool),
        )
        parts.append(len(rows) * few)
    np.testing.assert_allclose(whole, sum(parts) / 4, rtol=1e-5)


def make_inputs(spec, drawing, reference_size=None):
    ((_, found),) = inputs.make_inputs(spec, [drawing], [reference_size])
    return found


@pytest.mark.parametrize("size", [0, -1.0, float("inf"), float("nan"), "x", True])
def test_a_usual_size_is_a_number_above_0(size):
    ink = Ink([np.array([[0, 0, 0], [9, 9, 1]], np.float32)])
    with pytest.raises(InputError, match=r"reference size of the writer .* above 0"):
        load().recognize(ink, reference_size=size)


def test_a_shape_network_has_no_use_for_the_usual_size():
    spec = EncoderSpec()
    ink = scribble(np.random.default_rng(0))
    with_size, without = make_inputs(spec, ink, 2.0), make_inputs(spec, ink)
    assert modalities(spec, with_size) == modalities(spec, without) == [("shape",)]
    encoder, params, state = trained("stroke_net")
    z = [embedded(encoder, params, state, each) for each in (with_size, without)]
    np.testing.assert_array_equal(*z)


def test_a_fused_model_says_what_it_saw(fused):
    spec = EncoderSpec(architecture="fused")
    rng = np.random.default_rng(0)
    ink = scribble(rng)
    assert modalities(spec, make_inputs(spec, ink)) == [("shape", "motion")]
    assert modalities(spec, make_inputs(spec, ink, 2.0)) == [
        ("shape", "motion", "size")
    ]
    picture = np.zeros((40, 40), np.uint8)
    picture[10:30, 18:22] = 255
    assert modalities(spec, make_inputs(spec, picture)) == [("shape",)]
    sizes = np.array([1.0, np.nan], np.float32)
    both = modalities(spec, draw(spec, pack([ink, scribble(rng)]), sizes))
    assert both == [("shape", "motion", "size"), ("shape", "motion")]
    span = np.ptp(np.concatenate(ink.strokes)[:, :2], axis=0).max()
    np.testing.assert_allclose(make_inputs(spec, ink, 2.0)["size"], span / 2, rtol=1e-6)


def test_what_is_alone_is_never_hidden():
    encoder, params, state = trained("motion")
    inputs = ink_inputs(0, 64)
    settings = {"train": True, "mask": np.ones(64, bool)}
    z, _ = encoder.apply(params, state, inputs, key=jax.random.key(0), **settings)
    blank = inputs | {"points": np.zeros_like(inputs["points"])}
    other, _ = encoder.apply(params, state, blank, key=jax.random.key(0), **settings)
    assert (np.abs(np.asarray(z) - np.asarray(other)).max(1) > 1e-6).all()
