"""Groups, schedule and steps: what moves, what stays, by how much."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from strokejax.networks.spec import EncoderSpec, build_encoder
from strokejax.table.losses import cross_entropy
from strokejax.table.table import init_slots, init_table, table_logits
from strokejax.train.optim import (
    FROZEN,
    frozen_blocks,
    group_labels,
    make_optimizer,
    schedule,
    stepped,
)
from strokejax.train.state import create_state
from strokejax.train.steps import (
    Objective,
    make_eval_step,
    make_statistics_step,
    make_train_step,
)
from strokejax.types import Batch, Encoder, InputError
from tests.support.strategies import picture_batches, seeds

SIDE = 12
SPEC = EncoderSpec(out_dim=8, size=SIDE, margin=2)
ROWS = 6
CAPACITY = 7
CLASSES = 5
ACTIVE = np.arange(CAPACITY) < CLASSES
BLOCKS = ("block1", "block2", "block3", "hidden", "out")

few = settings(max_examples=10)


def on_host(tree):
    return jax.tree.map(lambda x: np.array(x), tree)


def same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def close(a, b, **tolerance):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, **tolerance), a, b)


def all_moved(a, b):
    moved = jax.tree.map(lambda x, y: not np.array_equal(x, y), a, b)
    return all(jax.tree.leaves(moved))


def shapes_of(encoder):
    image = {"image": np.zeros((2, SIDE, SIDE), np.float32)}
    return jax.eval_shape(encoder.init, jax.random.key(0), image)


def stroke_net_state(train, learning_rate, seed=0):
    """The encoder, its optimizer and state, away from their initial values."""
    encoder = build_encoder(SPEC, frozen=frozen_blocks(train))
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        if path[-1].key in ("scale", "var"):
            return jnp.asarray(rng.uniform(0.5, 2, leaf.shape), jnp.float32)
        spread = 1 / np.sqrt(max(np.prod(leaf.shape[:-1]), 10))
        return jnp.asarray(spread * rng.normal(size=leaf.shape), jnp.float32)

    drawn = jax.tree_util.tree_map_with_path(draw, shapes_of(encoder))
    network, model_state = drawn
    table = init_table(jax.random.key(1), CAPACITY, SPEC.out_dim)
    params = {"encoder": network, "table": table}
    optimizer = make_optimizer(
        params, train=train, learning_rate=learning_rate, weight_decay=0.1
    )
    state = create_state(params, model_state, optimizer, jax.random.key(2))
    return encoder, optimizer, state


def picture_batch(seed=0):
    """Six coarse pictures of five classes, the last one masked."""
    rng = np.random.default_rng(seed)
    images = rng.random((ROWS, 4, 4), np.float32).repeat(3, 1).repeat(3, 2)
    labels = np.array([0, 1, 2, 3, 4, 0], np.int32)
    return Batch({"image": images}, labels, np.arange(ROWS) < ROWS - 1)


# Groups


def test_every_parameter_of_stroke_net_is_in_a_group():
    network, _ = shapes_of(build_encoder(SPEC))
    params = {"encoder": network, "table": {"embeddings": 0.0, "log_scale": 0.0}}
    still = {
        "all": set(),
        "block3_head": {"block1", "block2"},
        "table": set(BLOCKS),
    }
    assert set(still) == set(FROZEN)
    for train, frozen in still.items():
        assert set(frozen_blocks(train)) & {*BLOCKS, "table"} == frozen
        labels = group_labels(params, train)
        found = {
            group
            for group, tree in (labels["encoder"] | {"table": labels["table"]}).items()
            if set(jax.tree.leaves(tree)) == {"frozen"}
        }
        assert found == frozen
        assert set(jax.tree.leaves(labels)) <= {"train", "frozen"}


def test_unknown_groups_raise():
    leaf = {"kernel": np.zeros(2)}
    with pytest.raises(ValueError, match="'decoder'"):
        group_labels({"encoder": {"out": leaf}, "decoder": leaf}, "all")
    with pytest.raises(InputError, match=r"'heads'.*'all', 'block3_head', 'table'\.$"):
        frozen_blocks("heads")


# Schedule


def test_schedule_by_hand():
    rate = schedule(1.0, steps=100, warmup=0.1, end=0.2)
    assert rate(0) == pytest.approx(1 / 25)
    assert rate(5) == pytest.approx((1 / 25 + 1) / 2)
    assert rate(10) == pytest.approx(1.0)
    # Half of the cosine lies half-way between 1 and 0.2.
    assert rate(55) == pytest.approx(0.6, abs=1e-6)
    assert rate(100) == pytest.approx(0.2, abs=1e-6)
    assert rate(1000) == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize("warmup", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 50])
def test_schedule_rises_then_falls_within_its_limits(steps, warmup):
    rate = schedule(3e-3, steps, warmup)
    values = np.array([rate(i) for i in range(steps + 1)])
    top = values.argmax()
    assert np.isfinite(values).all()
    assert (np.diff(values[: top + 1]) > 0).all()
    assert (np.diff(values[top:]) < 0).all()
    assert values.max() == pytest.approx(3e-3)
    assert values.min() >= 0


def test_milestones_take_the_rate_to_a_tenth():
    rate = stepped(1.0, steps=100, warmup=0.1, milestones=(0.5, 0.8))
    found = [float(rate(i)) for i in (0, 10, 49, 50, 79, 80, 100)]
    expected = [1 / 25, 1, 1, 0.1, 0.1, 0.01, 0.01]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


# Optimizer


def small_params():
    block = {"conv1": {"kernel": 2.0}, "norm1": {"scale": 2.0, "bias": 2.0}}
    encoder = {"block1": block, "out": {"kernel": 2.0, "bias": 2.0}}
    table = {"embeddings": 2.0, "log_scale": 2.0}
    return jax.tree.map(lambda x: jnp.full(2, x), {"encoder": encoder, "table": table})


def by_name(tree):
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {".".join(key.key for key in path): leaf for path, leaf in leaves}


def test_the_first_step_by_hand():
    params = small_params()
    optimizer = make_optimizer(params, train="all", learning_rate=0.1, weight_decay=0.5)
    gradient = jax.tree.map(lambda x: jnp.array([3.0, 0.0]), params)
    updates, _ = optimizer.update(gradient, optimizer.init(params), params)
    for name, update in by_name(updates).items():
        # Adam's first step is the sign of the gradient; kernels (2.0) decay as well.
        decay = 0.1 * 0.5 * 2.0 if name.endswith("kernel") else 0.0
        np.testing.assert_allclose(update, [-0.1 - decay, -decay], atol=1e-6)


@pytest.mark.parametrize("train", ["block3_head", "table"])
def test_frozen_groups_move_by_exactly_nothing_whatever_their_gradient(train):
    params = small_params()
    optimizer = make_optimizer(
        params, train=train, learning_rate=0.1, weight_decay=0.5, clip_norm=1.0
    )
    labels = group_labels(params, train)
    gradient = jax.tree.map(
        lambda x, label: x * (jnp.nan if label == "frozen" else 1.0), params, labels
    )
    updates, _ = optimizer.update(gradient, optimizer.init(params), params)
    for name, label in by_name(labels).items():
        update = by_name(updates)[name]
        if label == "frozen":
            np.testing.assert_array_equal(update, np.zeros(2))
        else:
            assert np.isfinite(update).all(), name
            assert np.all(update != 0), name


def test_clipping_bounds_the_gradient_of_the_trained_group_alone():
    params = small_params()
    clipped, free = (
        make_optimizer(params, train="table", learning_rate=0.1, clip_norm=norm)
        for norm in (1.0, 0.0)
    )
    huge = jax.tree.map(lambda x: jnp.full_like(x, 1e3), params)
    tiny = jax.tree.map(lambda x: jnp.full_like(x, 0.1), params)
    # The table has four numbers, each of 1e3: a norm of 2e3 comes down to 1.
    bounded = huge | {"table": jax.tree.map(lambda x: x / 2e3, huge["table"])}
    states = clipped.init(params), free.init(params)
    for gradient, wanted in ((huge, bounded), (tiny, tiny)):
        ours, first = clipped.update(gradient, states[0], params)
        theirs, second = free.update(wanted, states[1], params)
        states = first, second
        close(ours, theirs, atol=1e-6)


# StrokeNet's steps


def test_a_plateau_halves_what_moves():
    """After two means of four losses that are no better, and not where they fall."""
    params = {"encoder": {"out": {"bias": jnp.zeros(3)}}, "table": {}}
    optimizer = make_optimizer(params, train="all", learning_rate=0.1, plateau=4)
    gradient = jax.tree.map(jnp.ones_like, params)

    @jax.jit
    def moved(state, loss):
        updates, state = optimizer.update(gradient, state, params, value=loss)
        return -updates["encoder"]["out"]["bias"][0], state

    def lengths(losses):
        state, found = optimizer.init(params), []
        for loss in losses:
            length, state = moved(state, jnp.float32(loss))
            found.append(float(length))
        return found

    falling = lengths([1 / (1 + i) for i in range(20)])
    np.testing.assert_allclose(falling, 0.1, rtol=1e-3)
    flat = lengths([1.0] * 20)
    assert flat[0] == pytest.approx(0.1, rel=1e-3)
    assert flat[-1] <= 0.05 * 1.001


def test_training_the_table_moves_nothing_else():
    encoder, optimizer, state = stroke_net_state("table", 0.05)
    before, batch = on_host(state._replace(key=0)), picture_batch()
    step = make_train_step(encoder, optimizer, Objective("nn-sampling"), ACTIVE)
    losses = []
    for _ in range(4):
        state, metrics = step(state, batch)
        losses.append(float(metrics["loss"]))
    same(state.params["encoder"], before.params["encoder"])
    same(state.model_state, before.model_state)
    assert all_moved(state.params["table"], before.params["table"])
    assert losses[-1] < losses[0]
    assert int(state.step) == 4
    # Frozen, the encoder answers as in inference: the first loss is that of evaluation.
    slots = init_slots(ACTIVE, SPEC.out_dim)
    evaluate = make_eval_step(encoder, 3)
    found = evaluate(before.params, before.model_state, slots, batch)
    assert np.mean(found["nll"][batch.mask]) == pytest.approx(losses[0], abs=1e-5)


@pytest.fixture(scope="module")
def overfitted():
    """Block 3 and the head on one batch: before, after, metrics of each step."""
    encoder, optimizer, state = stroke_net_state("block3_head", 3e-3)
    before, batch = on_host(state._replace(key=0)), picture_batch()
    step = make_train_step(encoder, optimizer, Objective("nn-sampling"), ACTIVE)
    history = []
    for _ in range(60):
        state, metrics = step(state, batch)
        history.append({name: float(value) for name, value in metrics.items()})
    return before, on_host(state._replace(key=0)), history


def test_one_batch_is_learned_by_heart(overfitted):
    _, _, history = overfitted
    assert history[0]["loss"] > 0.5
    assert history[-1]["loss"] < 0.01
    assert history[-1]["top1"] == 1
    assert all(each["update_norm"] > 0 for each in history)


def test_block3_and_head_leave_the_first_blocks_and_their_statistics(overfitted):
    before, after, _ = overfitted
    statistics = [state.model_state["batch_stats"] for state in (before, after)]
    networks = [state.params["encoder"] for state in (before, after)]
    for block in ("block1", "block2"):
        same(networks[1][block], networks[0][block])
        same(statistics[1][block], statistics[0][block])
    for group in ("block3", "hidden", "out"):
        assert all_moved(networks[1][group], networks[0][group])
    assert all_moved(statistics[1]["block3"], statistics[0]["block3"])
    assert all_moved(after.params["table"], before.params["table"])


def counting(frozen):
    """An encoder that does nothing but keep a running mean in each of two blocks."""

    def apply(params, model_state, inputs, mask, *, train, key=None):
        seen = jnp.sum(inputs["image"].mean((1, 2)) * mask) / mask.sum()
        moved = {
            block: old if block in frozen else {"mean": 0.9 * old["mean"] + 0.1 * seen}
            for block, old in model_state["batch_stats"].items()
        }
        return None, {"batch_stats": moved} if train else model_state

    return Encoder(lambda key, inputs: ({}, {}), apply)


def test_statistics_are_the_batch_s_own_and_frozen_ones_stay():
    frozen = ("block1",)
    step = make_statistics_step(counting(frozen), frozen)
    batch = picture_batch()
    seen = batch.inputs["image"][batch.mask].mean()
    for before in (0.0, 123.0):
        old = {block: {"mean": jnp.float32(before)} for block in ("block1", "block2")}
        found = step({"encoder": {}}, {"batch_stats": old}, batch)["batch_stats"]
        assert float(found["block1"]["mean"]) == before
        assert float(found["block2"]["mean"]) == pytest.approx(seen, rel=1e-5)


# Steps of a linear encoder: the network is not what is under test


def linear(normalise):
    def apply(params, model_state, inputs, mask, *, train, key=None):
        out = inputs["image"].reshape(len(mask), -1) @ params["out"]["kernel"]
        if normalise:
            out = out / jnp.linalg.norm(out, axis=-1, keepdims=True)
        return out, model_state

    return Encoder(lambda key, inputs: ({}, {}), apply)


def linear_params(mode, seed=0):
    rng = np.random.default_rng(seed)
    dim = CAPACITY if mode == "argmax" else SPEC.out_dim
    kernel = rng.normal(size=(SIDE * SIDE, dim)).astype(np.float32) / SIDE
    table = {} if mode == "argmax" else init_table(jax.random.key(0), CAPACITY, dim)
    return {"encoder": {"out": {"kernel": jnp.asarray(kernel)}}, "table": table}


def linear_step(objective, learning_rate=0.1):
    """`run(params, batch) -> (state, metrics)`: one step from fresh parameters."""
    encoder = linear(objective.mode == "nn-sampling")
    params = linear_params(objective.mode)
    optimizer = make_optimizer(params, train="all", learning_rate=learning_rate)
    step = make_train_step(encoder, optimizer, objective, ACTIVE)

    def run(params, batch):
        # The step is given the state's buffers to keep.
        params = jax.tree.map(jnp.array, params)
        return step(create_state(params, {}, optimizer, jax.random.key(0)), batch)

    return run


@pytest.fixture(scope="module")
def table_step():
    return linear_step(Objective("nn-sampling"))


@few
@given(picture_batches(rows=ROWS, side=SIDE, classes=CLASSES))
def test_padding_changes_no_step(table_step, batch):
    params = linear_params("nn-sampling")
    images = np.where(batch.mask[:, None, None], batch.inputs["image"], np.float32(9))
    labels = np.where(batch.mask, batch.labels, (batch.labels + 1) % CLASSES)
    state, metrics = table_step(params, batch)
    again, other = table_step(params, Batch({"image": images}, labels, batch.mask))
    same(again.params, state.params)
    same(other, metrics)


LEARNED = {
    "proxy": 0.05,
    "margin": 0.05,
    "prototypical": 0.05,
    "supcon": 0.05,
    "contrastive": 0.01,
    # softplus of a gap that is sqrt(3) at best: 120 degrees in a plane
    "triplet": np.log1p(np.exp(-np.sqrt(3))),
}
"""Each loss, and below what it falls on a batch of three pairs."""
BETWEEN = tuple(LEARNED)[2:]


def pairs():
    """Three classes of two pictures each."""
    labels = np.array([0, 0, 1, 1, 2, 2], np.int32)
    return Batch(picture_batch().inputs, labels, np.ones(ROWS, bool))


@pytest.mark.parametrize("loss", LEARNED)
def test_every_loss_learns_a_batch_by_heart(loss):
    params = linear_params("nn-sampling")
    optimizer = make_optimizer(params, train="all", learning_rate=0.01)
    objective = Objective("nn-sampling", loss=loss)
    step = make_train_step(linear(True), optimizer, objective, ACTIVE)
    state = create_state(params, {}, optimizer, jax.random.key(0))
    history = []
    for _ in range(150):
        state, metrics = step(state, pairs())
        history.append({name: float(value) for name, value in metrics.items()})
    assert history[-1]["loss"] < LEARNED[loss] + 0.01 < history[0]["loss"] / 2
    assert history[-1]["top1"] == 1


@pytest.mark.parametrize("loss", BETWEEN)
def test_losses_between_examples_leave_the_rows_alone(loss):
    params = linear_params("nn-sampling")
    state, _ = linear_step(Objective("nn-sampling", loss=loss))(params, pairs())
    rows = [p["table"]["embeddings"] for p in (params, state.params)]
    np.testing.assert_array_equal(*rows)
    kernels = [p["encoder"]["out"]["kernel"] for p in (params, state.params)]
    assert not np.array_equal(*kernels)


@pytest.mark.parametrize("loss", ["margin", *BETWEEN])
def test_padding_changes_no_step_of_any_loss(loss):
    run = linear_step(Objective("nn-sampling", loss=loss))
    params, batch, mask = linear_params("nn-sampling"), pairs(), np.arange(ROWS) < 4
    images = np.where(mask[:, None, None], batch.inputs["image"], np.float32(9))
    labels = np.where(mask, batch.labels, 3).astype(np.int32)
    found = [
        run(params, Batch({"image": x}, y, mask))
        for x, y in ((batch.inputs["image"], batch.labels), (images, labels))
    ]
    assert float(found[0][1]["loss"]) > 0
    same(found[0][0].params, found[1][0].params)
    same(found[0][1], found[1][1])


def test_a_margin_makes_the_loss_larger_and_answers_no_other():
    params, batch = linear_params("nn-sampling"), picture_batch()
    _, plain = linear_step(Objective("nn-sampling"))(params, batch)
    losses = [float(plain["loss"])]
    for margin in (0.1, 0.0, 0.5):  # 0 is the loss's own, 0.2
        objective = Objective("nn-sampling", loss="margin", margin=margin)
        _, metrics = linear_step(objective)(params, batch)
        losses.append(float(metrics["loss"]))
        assert float(metrics["top1"]) == float(plain["top1"])
    assert losses == sorted(set(losses))


@few
@given(picture_batches(rows=ROWS, side=SIDE, classes=CLASSES), seeds)
def test_renaming_the_classes_changes_no_loss(table_step, batch, seed):
    order = np.random.default_rng(seed).permutation(CLASSES)
    names = np.arange(CAPACITY)
    names[:CLASSES] = order
    params = linear_params("nn-sampling")
    rows = params["table"]["embeddings"]
    renamed = params | {"table": params["table"] | {"embeddings": rows[names]}}
    labels = np.argsort(names)[batch.labels].astype(np.int32)
    _, metrics = table_step(params, batch)
    _, other = table_step(renamed, batch._replace(labels=labels))
    assert float(other["loss"]) == pytest.approx(float(metrics["loss"]), rel=1e-4)
    assert float(other["top1"]) == float(metrics["top1"])


def test_an_empty_batch_moves_nothing(table_step):
    params = linear_params("nn-sampling")
    batch = picture_batch()._replace(mask=np.zeros(ROWS, bool))
    state, metrics = table_step(params, batch)
    same(state.params, params)
    assert {name: float(value) for name, value in metrics.items()} == {
        "loss": 0,
        "top1": 0,
        "update_norm": 0,
    }


def test_free_slots_do_not_move(table_step):
    params = linear_params("nn-sampling")
    state, _ = table_step(params, picture_batch())
    rows = [p["table"]["embeddings"] for p in (params, state.params)]
    same(rows[1][CLASSES:], rows[0][CLASSES:])
    assert np.all(np.abs(rows[1] - rows[0]).max(1)[:CLASSES] > 0)


@pytest.mark.parametrize("learn", [True, False])
def test_the_scale_moves_only_where_it_is_learned(learn):
    params = linear_params("nn-sampling")
    run = linear_step(Objective("nn-sampling", learn_scale=learn))
    state, _ = run(params, picture_batch())
    table = state.params["table"]
    assert np.array_equal(table["log_scale"], params["table"]["log_scale"]) != learn
    assert not np.array_equal(table["embeddings"], params["table"]["embeddings"])


def test_weights_smoothing_and_prior_reach_the_loss(rng):
    weights = rng.uniform(0.5, 2, CAPACITY).astype(np.float32)
    prior = np.log(rng.dirichlet(np.ones(CAPACITY))).astype(np.float32)
    objective = Objective("argmax", 0.2, weights=weights, log_prior=prior)
    params, batch = linear_params("argmax"), picture_batch()
    _, metrics = linear_step(objective)(params, batch)
    kernel = params["encoder"]["out"]["kernel"]
    logits = batch.inputs["image"].reshape(ROWS, -1) @ kernel
    wanted = cross_entropy(
        logits + prior,
        batch.labels,
        batch.mask,
        ACTIVE,
        weights=weights,
        label_smoothing=0.2,
    )
    assert float(metrics["loss"]) == pytest.approx(float(wanted), rel=1e-5)
    # The prior is for training only: answers are counted without it.
    answer = np.where(ACTIVE, logits, -np.inf).argmax(1)
    right = (answer == batch.labels)[batch.mask].mean()
    assert float(metrics["top1"]) == pytest.approx(right)


@pytest.mark.parametrize("mode", ["nn-sampling", "argmax"])
def test_evaluation_ranks_the_active_slots_and_no_others(mode, rng):
    params, batch = linear_params(mode), picture_batch()
    k = CAPACITY + 2
    slots = init_slots(ACTIVE, SPEC.out_dim)
    encoder = linear(mode == "nn-sampling")
    found = on_host(make_eval_step(encoder, k)(params, {}, slots, batch))
    logits = out = found["out"]
    if mode == "nn-sampling":
        logits = np.asarray(table_logits(params["table"], out))
    order = np.argsort(-logits[:, :CLASSES], axis=1, kind="stable")
    np.testing.assert_array_equal(found["slot"][:, :CLASSES], order)
    assert (found["slot"][:, CLASSES:] == -1).all()
    assert found["slot"].shape == (ROWS, k)
    p = np.exp(logits[:, :CLASSES].astype(float))
    p /= p.sum(1, keepdims=True)
    wanted = -np.log(p[np.arange(ROWS), batch.labels])
    np.testing.assert_allclose(found["nll"], wanted, rtol=1e-4, atol=1e-5)


def test_the_state_starts_at_step_zero_and_keeps_its_key(table_step):
    state, _ = table_step(linear_params("nn-sampling"), picture_batch())
    assert int(state.step) == 1
    assert state.step.dtype == jnp.int32
    wanted = jax.random.key_data(jax.random.key(0))
    np.testing.assert_array_equal(jax.random.key_data(state.key), wanted)
