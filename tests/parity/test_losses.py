"""Cross entropy, value and gradient, where the two conventions agree and where not.

PyTorch's label smoothing under class weights weighs each class's share by that class's
own weight; here the whole example is weighed by its true class. Without weights, or
without smoothing, the two are the same.
"""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from strokejax.table.losses import cross_entropy

from .reference import QUICK, close, functional, torch

VALUE = 1e-5
GRADIENT = 1e-5
EXAMPLES = 3

few = settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.generate])
"""No shrinking: every shape is compiled anew."""
shapes = {"b": st.integers(1, 9), "c": st.integers(2, 70), "seed": st.integers(0, 999)}
smoothing = st.sampled_from([0.0, 0.05, 0.3])


def draw(b, c, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 4.0, (b, c)).astype(np.float32)
    weights = rng.uniform(0.1, 3.0, c).astype(np.float32)
    return logits, rng.integers(0, c, b), weights


def same(here, there, logits):
    """Value and gradient of two functions of the logits."""
    found, gradient = jax.jit(jax.value_and_grad(here), compiler_options=QUICK)(logits)
    leaf = torch.from_numpy(logits).requires_grad_()
    wanted = there(leaf)
    wanted.backward()
    close(found, wanted, VALUE)
    close(gradient, leaf.grad, GRADIENT)


@few
@given(smooth=smoothing, **shapes)
def test_smoothing_without_weights(b, c, seed, smooth):
    logits, labels, _ = draw(b, c, seed)
    mask, active = jnp.ones(b, bool), jnp.ones(c, bool)
    same(
        lambda x: cross_entropy(x, labels, mask, active, label_smoothing=smooth),
        lambda x: functional.cross_entropy(
            x, torch.from_numpy(labels), label_smoothing=smooth
        ),
        logits,
    )


@few
@given(**shapes)
def test_weights_without_smoothing(b, c, seed):
    logits, labels, weights = draw(b, c, seed)
    mask, active = jnp.ones(b, bool), jnp.ones(c, bool)
    same(
        lambda x: cross_entropy(x, labels, mask, active, weights=weights),
        lambda x: functional.cross_entropy(
            x, torch.from_numpy(labels), torch.from_numpy(weights)
        ),
        logits,
    )


@few
@given(smooth=st.sampled_from([0.05, 0.3]), **shapes)
def test_weights_with_smoothing_weigh_whole_examples(b, c, seed, smooth):
    logits, labels, weights = draw(b, c, seed)
    mask, active = jnp.ones(b, bool), jnp.ones(c, bool)
    index, share = torch.from_numpy(labels), torch.from_numpy(weights)[labels]

    def there(x):
        each = functional.cross_entropy(
            x, index, reduction="none", label_smoothing=smooth
        )
        return (share * each).sum() / share.sum()

    def here(x):
        return cross_entropy(
            x, labels, mask, active, weights=weights, label_smoothing=smooth
        )

    same(here, there, logits)


def test_pytorch_weighs_smoothing_class_by_class():
    logits = torch.tensor([[0.0, 0.0, 3.0]])
    weights = torch.tensor([1.0, 1.0, 5.0])
    theirs = functional.cross_entropy(
        logits, torch.tensor([0]), weights, label_smoothing=0.3
    )
    log_p = torch.log_softmax(logits, -1)[0]
    assert torch.allclose(theirs, -0.7 * log_p[0] - 0.1 * (weights * log_p).sum())
    ours = cross_entropy(
        jnp.asarray(logits),
        jnp.array([0]),
        jnp.ones(1, bool),
        jnp.ones(3, bool),
        weights=jnp.asarray(weights),
        label_smoothing=0.3,
    )
    close(ours, -0.7 * log_p[0] - 0.1 * log_p.sum(), VALUE)
    assert abs(float(ours) - float(theirs)) > 0.01


@few
@given(smooth=smoothing, **shapes)
def test_masked_rows_and_free_slots_are_as_if_absent(b, c, seed, smooth):
    logits, labels, weights = draw(b + 2, c + 3, seed)
    active = np.random.default_rng(seed).permutation(c + 3) < c
    labels = np.flatnonzero(active)[labels % c]
    mask = np.arange(b + 2) < b
    index = torch.from_numpy(np.cumsum(active)[labels[:b]] - 1)
    share = torch.from_numpy(weights)[labels[:b]]

    def here(x):
        return cross_entropy(
            x, labels, mask, active, weights=weights, label_smoothing=smooth
        )

    def there(x):
        each = functional.cross_entropy(
            x[:b][:, active], index, reduction="none", label_smoothing=smooth
        )
        return (share * each).sum() / share.sum()

    same(here, there, logits)
