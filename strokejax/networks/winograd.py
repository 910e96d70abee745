"""3x3 convolutions by Winograd's minimal filtering, for CPUs.

F(m, 3) computes an m x m tile of the output from n x n inputs, n = m + 2, with n^2
instead of 9 m^2 multiplications per channel pair (Lavin & Gray, "Fast Algorithms for
Convolutional Neural Networks", CVPR 2016). The matrices come from Toom-Cook
interpolation at `POINTS` and infinity. The products are one batched matmul over
channels, which XLA runs on a CPU much faster than its convolutions: a StrokeNet
training step takes 0.7 of the time. float32 errors reach 1e-5 of a unit-scale output
for m = 4.
"""

from functools import cache, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

TILE = 4
POINTS = (0.0, 0.75, -0.75, 1.5, -1.5)
"""Exact in binary; at 0, 1, -1, 2, -2 the float32 errors are three times as large."""
CHUNK, PIXELS = 16, 16 * 28 * 28
"""Limits of a chunk, in examples and in pixels: larger buffers leave the cache, and
page faults cost more than chunking."""

Pair = tuple[int, int]
"""Of rows and of columns."""

# Transforms


@cache
def matrices(m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A [n m], B [n n], G [n 3] with `y = A^T ((G g) * (B^T d))` for n inputs d."""
    p = np.array(POINTS[: m + 1])
    n = m + 2
    a = np.vstack([p[:, None] ** np.arange(m), np.eye(m)[-1:]])
    others = np.array([np.prod(q - np.delete(p, i)) for i, q in enumerate(p)])
    g = np.vstack([p[:, None] ** np.arange(3) / others[:, None], [0, 0, 1]])
    # B solves the linear system that makes the identity hold for every d and g.
    products = np.einsum("ki,kj->ijk", a, g).reshape(3 * m, n)
    targets = np.array([np.eye(n)[i + j] for i in range(m) for j in range(3)])
    b = np.linalg.lstsq(products, targets, rcond=None)[0]
    return a, np.round(b, 6).T, g


def kernel_tiles(kernel: jax.Array, m: int = TILE) -> jax.Array:
    """f32[3 3 i o] in Winograd's domain, f32[n*n i o]."""
    g = jnp.asarray(matrices(m)[2], kernel.dtype)
    u = jnp.einsum("ai,bj,ijco->abco", g, g, kernel)
    return u.reshape(-1, *kernel.shape[2:])


def input_tiles(x: jax.Array, m: int, tiles: Pair) -> jax.Array:
    """f32[b h w i], padded by one, in Winograd's domain: f32[n*n b*rows*columns i]."""
    b, n = matrices(m)[1], m + 2
    down, across = (m * (count - 1) + 1 for count in tiles)
    after = [max(m * t + 1 - s, 0) for t, s in zip(tiles, x.shape[1:], strict=False)]
    x = jnp.pad(x, ((0, 0), (1, after[0]), (1, after[1]), (0, 0)))
    v = _combine(b.T, [x[:, i : i + down : m] for i in range(n)], 0)
    v = _combine(b.T, [v[:, :, :, j : j + across : m] for j in range(n)], 1)
    return v.reshape(n * n, -1, x.shape[-1])


def output_tiles(y: jax.Array, m: int) -> jax.Array:
    """Products f32[n*n t o] as output tiles f32[m m t o]."""
    a, n = matrices(m)[0], m + 2
    y = y.reshape(n, n, *y.shape[1:])
    y = _combine(a.T, [y[i] for i in range(n)], 0)
    return _combine(a.T, [y[:, j] for j in range(n)], 1)


def untile(y: jax.Array, batch: int, tiles: Pair) -> jax.Array:
    """Tiles f32[m m b*rows*columns o] as pictures f32[b m*rows m*columns o]."""
    m = y.shape[0]
    y = y.reshape(m, m, batch, *tiles, -1).transpose(2, 3, 0, 4, 1, 5)
    return y.reshape(batch, tiles[0] * m, tiles[1] * m, -1)


def _combine(matrix: np.ndarray, terms: list[jax.Array], axis: int) -> jax.Array:
    """The linear combination of the terms by each row of the matrix, stacked.

    The barrier keeps XLA from fusing the rows into their users, which would compute
    them again for every output element.
    """
    rows = [
        reduce(jnp.add, [float(c) * t for c, t in zip(row, terms, strict=True) if c])
        for row in matrix
    ]
    return lax.optimization_barrier(jnp.stack(rows, axis))


# The convolution and its gradients


def multiply(v: jax.Array, u: jax.Array | np.ndarray) -> jax.Array:
    """f32[n*n t i] times f32[n*n i o]: one matmul per frequency."""
    return lax.dot_general(v, u, (((2,), (1,)), ((0,), (0,))))


def convolve(
    x: jax.Array, u: jax.Array | np.ndarray, m: int = TILE, size: Pair | None = None
) -> jax.Array:
    """SAME convolution of f32[b h w i] by `kernel_tiles`; `size` cuts its top left."""
    h, w = size or x.shape[1:3]
    tiles = -(-h // m), -(-w // m)
    y = output_tiles(multiply(input_tiles(x, m, tiles), u), m)
    return untile(y, len(x), tiles)[:, :h, :w]


@jax.custom_vjp
def conv3x3(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """SAME 3x3 convolution: f32[b h w i], f32[3 3 i o]."""
    u = kernel_tiles(kernel)
    return _merged(lax.map(lambda part: convolve(part, u), _chunks(x)))


def _forward(x, kernel):
    return conv3x3(x, kernel), (x, kernel)


def _backward(saved, g):
    x, kernel = saved
    flipped = kernel_tiles(jnp.flip(kernel, (0, 1)).swapaxes(2, 3))
    tiles = -(-x.shape[1] // TILE), -(-x.shape[2] // TILE)

    def part(du, both):
        x, g = both
        dm = _gradient_tiles(g, tiles)
        v = input_tiles(x, TILE, tiles)
        du += lax.dot_general(v, dm, (((1,), (1,)), ((0,), (0,))))
        return du, convolve(g, flipped)

    zero = jnp.zeros(((TILE + 2) ** 2, *kernel.shape[2:]), x.dtype)
    du, dx = lax.scan(part, zero, (_chunks(x), _chunks(g)))
    # The gradient of `kernel_tiles`: G^T on both sides.
    g_matrix = jnp.asarray(matrices(TILE)[2], x.dtype)
    du = du.reshape(TILE + 2, TILE + 2, *kernel.shape[2:])
    return _merged(dx), jnp.einsum("ai,bj,abco->ijco", g_matrix, g_matrix, du)


conv3x3.defvjp(_forward, _backward)


def _gradient_tiles(g, tiles):
    """The transpose of `untile(output_tiles(...))`: f32[n*n b*rows*columns o]."""
    a = matrices(TILE)[0]
    below, right = TILE * tiles[0] - g.shape[1], TILE * tiles[1] - g.shape[2]
    g = jnp.pad(g, ((0, 0), (0, below), (0, right), (0, 0)))
    v = _combine(a, [g[:, i::TILE] for i in range(TILE)], 0)
    v = _combine(a, [v[:, :, :, j::TILE] for j in range(TILE)], 1)
    return v.reshape((TILE + 2) ** 2, -1, g.shape[-1])


def _chunks(x):
    """[chunks b ...]; one chunk if the batch does not divide or is sharded."""
    chunk = min(CHUNK, max(1, PIXELS // (x.shape[1] * x.shape[2])))
    even = len(x) % chunk == 0 and jax.device_count() == 1
    return x.reshape(-1, chunk if even else len(x), *x.shape[1:])


def _merged(x):
    return x.reshape(-1, *x.shape[2:])
