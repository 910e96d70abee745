"""Distances and nearest rows against `torch.cdist` and `topk`."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from strokejax.networks.spec import EncoderSpec, build_encoder
from strokejax.table.knn import knn_forward_pass, nearest
from strokejax.table.table import init_slots, squared_distance

from .reference import close, functional, images_of, stroke_net, to_jax, torch

DISTANCE = 1e-5
DEEP = 1e-4
EXAMPLES = 4

few = settings(max_examples=EXAMPLES, deadline=None, phases=[Phase.generate])
"""No shrinking: every shape is compiled anew."""
seeds = st.integers(0, 2**32 - 1)


def distances(z, rows):
    """Squared, in difference form: `cdist` expands the square beyond 25 rows."""
    return torch.cdist(z, rows, compute_mode="donot_use_mm_for_euclid_dist").square()


def same_neighbours(found, there, k, tolerance):
    """Distances as `topk` orders them, and the slots that have these distances.

    Rows that are equally far but for rounding may change places.
    """
    dist2, slot = map(np.asarray, found)
    close(dist2, there.topk(k, largest=False).values, tolerance)
    close(np.take_along_axis(there.numpy(), slot, 1), dist2, tolerance)
    assert all(len(set(row)) == k for row in slot.tolist())


@few
@given(b=st.integers(1, 9), c=st.integers(1, 70), d=st.integers(1, 70), seed=seeds)
def test_distances(b, c, d, seed):
    rng = np.random.default_rng(seed)
    z, rows = (rng.normal(size=(n, d)).astype(np.float32) for n in (b, c))
    wanted = distances(torch.from_numpy(z), torch.from_numpy(rows))
    close(jax.jit(squared_distance)(z, rows), wanted, DISTANCE)


@few
@given(data=st.data(), b=st.integers(1, 9), c=st.integers(2, 70), seed=seeds)
def test_nearest_active_rows(data, b, c, seed):
    rng = np.random.default_rng(seed)
    z, rows = (rng.normal(size=(n, 16)).astype(np.float32) for n in (b, c))
    active = rng.random(c) < 0.7
    active[rng.integers(c)] = True
    k = data.draw(st.integers(1, int(active.sum())))
    z, unit_rows = (functional.normalize(torch.from_numpy(x)) for x in (z, rows))
    there = distances(z, unit_rows).masked_fill(torch.from_numpy(~active), torch.inf)
    table = {"embeddings": jnp.asarray(rows)}
    found = jax.jit(nearest, static_argnums=3)(
        np.asarray(z), table, init_slots(active, 16), k
    )
    same_neighbours(found, there, k, DISTANCE)


def test_from_pictures_to_neighbours():
    theirs = stroke_net(3, 64).eval()
    network, model_state = to_jax(theirs)
    rng = np.random.default_rng(3)
    images = images_of(rng, 4)
    rows = rng.normal(size=(63, 64)).astype(np.float32)
    with torch.no_grad():
        z = functional.normalize(theirs(torch.from_numpy(images)[:, None]))
    there = distances(z, functional.normalize(torch.from_numpy(rows)))
    params = {"encoder": network, "table": {"embeddings": jnp.asarray(rows)}}
    slots = init_slots(np.ones(63, bool), 64)
    encoder = build_encoder(EncoderSpec())
    found = knn_forward_pass(encoder, params, model_state, slots, {"image": images}, 5)
    same_neighbours(found, there, 5, DEEP)
