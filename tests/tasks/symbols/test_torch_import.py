"""PyTorch's tensors become StrokeNet's, each in one place; PyTorch is not needed."""

import sys

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.networks.spec import EncoderSpec, build_encoder
from strokejax.table.symbols import STROKES
from strokejax.tasks.symbols.torch_import import (
    COUNTERS,
    OUT,
    TABLE,
    convert,
    main,
    symbols_of,
)
from strokejax.types import InputError


def state_dict(classes, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(size=[classes if n == OUT else n for n in shape])
        for name, (_, _, shape) in TABLE.items()
    }


@pytest.mark.parametrize("classes", [27, 63, 64])
def test_the_tree_is_that_of_the_network(classes):
    encoder = build_encoder(EncoderSpec(out_dim=classes))
    image = {"image": np.zeros((1, 28, 28), np.float32)}
    wanted = jax.eval_shape(encoder.init, jax.random.key(0), image)
    found = convert(state_dict(classes))
    assert jax.tree.map(np.shape, found) == jax.tree.map(np.shape, wanted)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(np.float32)}


def test_every_number_arrives_once():
    tensors = state_dict(63)
    sent = np.sort(np.concatenate([x.ravel() for x in tensors.values()]))
    leaves = jax.tree.leaves(convert(tensors))
    found = np.sort(np.concatenate([x.ravel() for x in leaves]))
    np.testing.assert_array_equal(found, sent.astype(np.float32))


@given(
    o=st.integers(0, 31), i=st.integers(0, 15), y=st.integers(0, 2), x=st.integers(0, 2)
)
def test_axes_move_and_do_not_turn(o, i, y, x):
    tensors = state_dict(27)
    params, _ = convert(tensors)
    found = params["block1"]["conv2"]["kernel"][y, x, i, o]
    assert found == np.float32(tensors["block1.3.weight"][o, i, y, x])
    found = params["hidden"]["kernel"][i, o]
    assert found == np.float32(tensors["classifier.0.weight"][o, i])


def test_nothing_is_shared_with_what_was_given():
    tensors = {name: x.astype(np.float32) for name, x in state_dict(63).items()}
    converted = jax.tree.leaves(convert(tensors))
    assert not any(np.shares_memory(a, b) for a in converted for b in tensors.values())


def test_counters_may_be_there_or_not():
    plain = state_dict(63)
    counted = plain | dict.fromkeys(COUNTERS, np.int64(7))
    assert len(COUNTERS) == 6
    jax.tree.map(np.testing.assert_array_equal, convert(plain), convert(counted))


@given(name=st.sampled_from(sorted(TABLE)))
def test_each_tensor_is_needed_in_its_shape(name):
    tensors = state_dict(63)
    good = tensors.pop(name)
    with pytest.raises(InputError, match=f"'{name}' is missing"):
        convert(tensors)
    with pytest.raises(InputError, match="shape"):
        convert(tensors | {name: good[..., None]})
    with pytest.raises(InputError, match="not finite"):
        convert(tensors | {name: np.full_like(good, np.nan)})
    with pytest.raises(InputError, match=r"'criterion\.weight' is not part"):
        convert(tensors | {name: good, "criterion.weight": good})


def test_classes_by_the_size_of_the_head():
    assert symbols_of(63) == STROKES
    assert symbols_of(62) == STROKES[:-1]
    assert symbols_of(53) == (*STROKES[:52], "space")
    assert symbols_of(27) == (*STROKES[:26], "space")
    for other in (0, 26, 64):
        with pytest.raises(InputError, match=f"{other} classes"):
            symbols_of(other)


def test_without_pytorch_it_says_how_to_get_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main([str(tmp_path / "a.ckpt"), "--out", str(tmp_path / "m")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "pip install 'strokejax[parity]'" in printed.err
    assert not (tmp_path / "m").exists()
