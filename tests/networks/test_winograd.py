"""Winograd's algorithm is the convolution, with its gradients, to float32's limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.networks import winograd

VALUE = 1e-4
GRADIENT = 1e-4


def direct(x, kernel):
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def operands(batch, size, channels, features, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, *size, channels))
    kernel = rng.normal(size=(3, 3, channels, features)) / (9 * channels) ** 0.5
    return jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32)


@given(m=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_the_matrices_filter_exactly(m, seed):
    a, b, g = winograd.matrices(m)
    rng = np.random.default_rng(seed)
    d, kernel = rng.normal(size=m + 2), rng.normal(size=3)
    wanted = [d[i : i + 3] @ kernel for i in range(m)]
    np.testing.assert_allclose(a.T @ ((g @ kernel) * (b.T @ d)), wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("batch", "size", "channels", "features"),
    [
        (3, (7, 7), 8, 5),
        (16, (14, 14), 4, 6),
        (32, (6, 6), 3, 2),
        (1, (1, 1), 2, 2),
        (2, (28, 28), 2, 3),
        (2, (5, 18), 3, 4),
        (4, (40, 130), 2, 3),
    ],
)
def test_it_equals_the_convolution_with_its_gradients(batch, size, channels, features):
    x, kernel = operands(batch, size, channels, features)
    g = jnp.cos(jnp.arange(x.size // channels * features, dtype=jnp.float32))
    g = g.reshape(batch, *size, features)
    wanted, back = jax.vjp(direct, x, kernel)
    found, own_back = jax.vjp(winograd.conv3x3, x, kernel)
    np.testing.assert_allclose(found, wanted, atol=VALUE)
    for ours, theirs in zip(own_back(g), back(g), strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=GRADIENT)


def test_chunks_change_nothing():
    x, kernel = operands(2 * winograd.CHUNK, (8, 8), 3, 4)
    at_once = jax.jit(lambda x, k: winograd.convolve(x, winograd.kernel_tiles(k)))
    whole = at_once(x, kernel)
    np.testing.assert_allclose(winograd.conv3x3(x, kernel), whole, atol=1e-6)


def test_part_of_the_outputs_is_that_part():
    x, kernel = operands(2, (7, 9), 3, 4)
    part = winograd.convolve(x, winograd.kernel_tiles(kernel, 3), 3, (6, 8))
    wanted = direct(x, kernel)[:, :6, :8]
    np.testing.assert_allclose(part, wanted, atol=VALUE)
