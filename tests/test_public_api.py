"""What a library user needs: public names, their examples, jax's transformations."""

import doctest
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import strokejax
from strokejax import Encoder, embed, init_slots, init_table, knn_forward_pass

ROOT = Path(__file__).parents[1]
NAMES = [name for name in strokejax.__all__ if name != "build_char_map"]


def test_the_public_names_are_few_and_exist():
    assert len(strokejax.__all__) <= 18
    assert all(hasattr(strokejax, name) for name in strokejax.__all__)
    assert set(strokejax.__all__) <= set(dir(strokejax))
    assert len(strokejax.build_char_map()) == 63  # of the published system


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_types_and_an_example_that_runs(name):
    thing = getattr(strokejax, name)
    (test,) = (
        each
        for each in doctest.DocTestFinder(recurse=False).find(thing, name, globs={})
        if each.examples
    )
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert results.attempted and not results.failed
    if inspect.isfunction(thing):
        hints = inspect.signature(thing)
        parameters = [*hints.parameters.values()]
        assert hints.return_annotation is not inspect.Signature.empty
        assert all(p.annotation is not inspect.Parameter.empty for p in parameters)
        assert not any(p.annotation in ("Any", object) for p in parameters)


@pytest.mark.parametrize("method", ["register"])
def test_methods_have_examples_that_run(method):
    from strokejax.registration.model import Model

    (test,) = doctest.DocTestFinder(recurse=False).find(
        getattr(Model, method), method, globs={}
    )
    results = doctest.DocTestRunner().run(test)
    assert results.attempted and not results.failed


def test_help_begins_with_the_package():
    assert strokejax.__doc__.startswith("strokejax recognises drawn symbols")
    (test,) = doctest.DocTestFinder(recurse=False).find(strokejax, "strokejax")
    assert not doctest.DocTestRunner().run(test).failed


def test_a_model_is_shown_in_one_line():
    model = strokejax.load()
    assert repr(model) == "<Model nn-sampling (fused), 63 symbols, version 1>"


def test_a_pickled_model_is_loaded_again():
    """By its name: weights stay on disk, and the options go along."""
    model = strokejax.load("argmax", fast=False)
    data = pickle.dumps(model)
    assert len(data) < 300
    again, ink = pickle.loads(data), strokejax.Ink((np.eye(3),))
    assert again.recognize(ink) == model.recognize(ink)
    assert (again.mode, again.fast) == ("argmax", False)


@pytest.mark.parametrize(
    ("drawing", "words"),
    [
        ("a.png", "'a.png' is a file name.*read_image or strokejax.read_ink"),
        (Path("a.json"), "'a.json' is a file name"),
        ([[0, 0], [0, 40]], r"strokejax\.Ink\(\(numpy\.array\(points\),\)\)"),
    ],
)
def test_what_is_no_drawing_says_how_to_make_one(drawing, words):
    with pytest.raises(strokejax.InputError, match=words):
        strokejax.load().recognize(drawing)


def test_recognising_needs_no_home(monkeypatch):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("STROKEJAX_HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    model, ink = strokejax.load(), strokejax.Ink((np.eye(3),))
    assert model.recognize(ink).symbols
    with pytest.raises(strokejax.InputError, match="no home folder; set STROKEJAX_HOM"):
        model.register("hook", [ink])


def test_a_change_makes_the_next_snapshot():
    hook = np.array([[0, 0], [0, 30], [9, 30], [9, 20], [4, 18]], np.float32)
    inks = [
        strokejax.Ink((np.column_stack([hook + n % 3, np.full(5, np.nan)]),))
        for n in range(1, 5)
    ]
    inks = [strokejax.Ink((ink.strokes[0] * (1 + i),)) for i, ink in enumerate(inks)]
    model = strokejax.load()
    taught = model.register("hook", inks, force=True)
    assert (taught.version, model.version) == (2, 1)
    assert "hook" in taught.symbols.symbols
    assert "hook" not in model.symbols.symbols
    assert taught.undo().symbols.symbols == model.symbols.symbols
    again = taught.register("hook", inks, force=True)
    assert "hook" not in again.forget("hook").symbols.symbols
    for one, other in zip(
        *(jax.tree.leaves(m.params["encoder"]) for m in (model, taught)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


# From JAX


class Net(nn.Module):
    """A Linen network of someone else."""

    @nn.compact
    def __call__(self, x):
        z = nn.Dense(8)(nn.tanh(nn.Dense(16)(x)))
        return z / jnp.linalg.norm(z, axis=-1, keepdims=True)


def linen() -> Encoder:
    net = Net()

    def init(key, inputs):
        return net.init(key, inputs)["params"], {}

    def apply(params, state, inputs, mask, *, train, key=None):
        return net.apply({"params": params}, inputs), state

    return Encoder(init, apply)


class NnxNet(nnx.Module):
    """The same in NNX."""

    def __init__(self, rngs):
        self.hidden = nnx.Linear(4, 16, rngs=rngs)
        self.out = nnx.Linear(16, 8, rngs=rngs)

    def __call__(self, x):
        z = self.out(jnp.tanh(self.hidden(x)))
        return z / jnp.linalg.norm(z, axis=-1, keepdims=True)


def of_nnx() -> Encoder:
    graph, _ = nnx.split(NnxNet(nnx.Rngs(0)))

    def init(key, inputs):
        _, params = nnx.split(NnxNet(nnx.Rngs(key)))
        return nnx.to_pure_dict(params), {}

    def apply(params, state, inputs, mask, *, train, key=None):
        return nnx.merge(graph, nnx.State(params))(inputs), state

    return Encoder(init, apply)


@pytest.fixture(params=[linen, of_nnx])
def model(request):
    encoder, x = (
        request.param(),
        jnp.asarray(np.random.default_rng(0).normal(size=(5, 4))),
    )
    network, state = encoder.init(jax.random.key(1), x)
    return encoder, {"encoder": network, "table": {}}, state, x


def test_jit_vmap_and_grad_go_through_embed(model):
    encoder, params, state, x = model
    z = embed(encoder, params, state, x)
    np.testing.assert_allclose(jnp.linalg.norm(z, axis=-1), 1, rtol=1e-5)
    jitted = jax.jit(lambda p, x: embed(encoder, p, state, x))(params, x)
    np.testing.assert_allclose(jitted, z, atol=1e-6)
    mapped = jax.vmap(lambda one: embed(encoder, params, state, one[None])[0])(x)
    np.testing.assert_allclose(mapped, z, atol=1e-6)

    def loss(p):
        return embed(encoder, p, state, x)[:, 0].sum()

    slopes = jax.grad(loss)(params)["encoder"]
    direction = jax.tree.map(jnp.sign, slopes)
    step = jax.tree.map(lambda p, d: p + 1e-3 * d, params["encoder"], direction)
    rise = loss(params | {"encoder": step}) - loss(params)
    size = sum(jnp.abs(leaf).sum() for leaf in jax.tree.leaves(slopes))
    assert abs(float(rise / (1e-3 * size)) - 1) < 0.05


def test_an_encoder_of_ones_own_finds_its_rows(model):
    encoder, params, state, x = model
    z = embed(encoder, params, state, x)
    table = init_table(jax.random.key(0), 8, 8)
    table["embeddings"] = table["embeddings"].at[:5].set(z)
    slots = init_slots(np.arange(8) < 5, 8)
    dist2, slot = knn_forward_pass(
        encoder, params | {"table": table}, state, slots, x, 2
    )
    np.testing.assert_array_equal(slot[:, 0], range(5))
    np.testing.assert_allclose(dist2[:, 0], 0, atol=1e-6)


def test_the_example_of_online_learning_runs():
    ran = subprocess.run(
        [sys.executable, "examples/online_learning.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "[0 1 2 3]"
    assert len((ROOT / "examples/online_learning.py").read_text().splitlines()) <= 40
