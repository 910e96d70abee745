"""Losses on embeddings against pytorch-metric-learning, value and gradient.

Both sides bring the embeddings to length 1 themselves, so that gradients meet. Where
that package's defaults are not the published ones, it is asked for these: contrastive
losses are squared and halved, and triplets averaged over all anchors, not over those
that are not yet right. Rows that are masked here are absent there.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from strokejax.table.losses import (
    batch_hard_triplet,
    contrastive,
    cross_entropy,
    first_shots,
    margin_logits,
    prototypical,
    supervised_contrastive,
)
from strokejax.table.table import table_logits

from .reference import QUICK, close, functional, torch

why = "pytorch-metric-learning is missing: pip install 'strokejax[parity]'"
pytest.importorskip("pytorch_metric_learning", reason=why)

from pytorch_metric_learning.distances import LpDistance  # noqa: E402
from pytorch_metric_learning.losses import (  # noqa: E402
    ArcFaceLoss,
    ContrastiveLoss,
    NCALoss,
    NormalizedSoftmaxLoss,
    ProxyNCALoss,
    SupConLoss,
    TripletMarginLoss,
)
from pytorch_metric_learning.miners import BatchHardMiner  # noqa: E402
from pytorch_metric_learning.reducers import MeanReducer  # noqa: E402

VALUE = 1e-5
GRADIENT = 1e-4
SEEDS = 4

ROWS, DIM, CLASSES = 24, 6, 5
SCALE = 3.0


class HalfSquares(MeanReducer):
    """The mean of l^2 / 2."""

    def element_reduction(self, losses, *_):
        return losses.square().mean() / 2


def unit(x):
    return x / jnp.linalg.norm(x, axis=1, keepdims=True)


def draw(seed):
    """Vectors of any length, labels, mask, and a table's rows of any length."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.0, 2.0, (ROWS, DIM)).astype(np.float32)
    rows = rng.normal(0.0, 2.0, (CLASSES, DIM)).astype(np.float32)
    return x, rng.integers(0, CLASSES, ROWS), rng.random(ROWS) < 0.8, rows


def same_pairs(here, there):
    """`here(z, labels, mask)` of unit z, `there(x, labels)` of the unmasked."""
    f = jax.value_and_grad(lambda x, labels, mask: here(unit(x), labels, mask))
    f = jax.jit(f, compiler_options=QUICK)
    for seed in range(SEEDS):
        x, labels, mask, _ = draw(seed)
        value, gradient = f(x, labels, mask)
        leaf = torch.from_numpy(x).requires_grad_()
        wanted = there(leaf[torch.from_numpy(mask)], torch.from_numpy(labels[mask]))
        wanted.backward()
        assert wanted > 0.01
        close(value, wanted, VALUE)
        close(gradient, leaf.grad, GRADIENT)


def same_proxies(logits, module, parameter, transpose):
    """`logits(table, z, labels)`, and a module that holds the rows itself."""

    def here(x, rows, labels, mask):
        table = {"embeddings": rows, "log_scale": jnp.log(SCALE)}
        found = logits(table, unit(x), labels)
        return cross_entropy(found, labels, mask, np.ones(CLASSES, bool))

    f = jax.jit(jax.value_and_grad(here, (0, 1)), compiler_options=QUICK)
    for seed in range(SEEDS):
        x, labels, mask, rows = draw(seed)
        value, gradients = f(x, rows, labels, mask)
        leaf, own = torch.from_numpy(x).requires_grad_(), getattr(module, parameter)
        own.data = torch.from_numpy(rows.T.copy() if transpose else rows)
        own.grad = None
        kept = torch.from_numpy(mask)
        wanted = module(leaf[kept], torch.from_numpy(labels[mask]))
        wanted.backward()
        close(value, wanted, VALUE)
        theirs = own.grad.T if transpose else own.grad
        close(gradients, (leaf.grad, theirs), GRADIENT)


@pytest.mark.parametrize("margin", [0.0, 0.5, 1.4])
def test_additive_angular_margin(margin):
    x, labels, _, rows = draw(0)
    z, rows = (y / np.linalg.norm(y, axis=1, keepdims=True) for y in (x, rows))
    angles = np.arccos(np.sum(z * rows[labels], 1))
    # Both branches are met at the widest margin.
    assert 0 < (angles > np.pi - 1.4).sum() < ROWS

    def logits(table, z, labels):
        return margin_logits(table_logits(table, z), table, z, labels, margin)

    same_proxies(
        logits,
        ArcFaceLoss(CLASSES, DIM, margin=np.degrees(margin), scale=2 * SCALE),
        "W",
        transpose=True,
    )


def test_proxies_with_a_scale():
    def logits(table, z, labels):
        return table_logits(table, z)

    softmax = NormalizedSoftmaxLoss(CLASSES, DIM, temperature=1 / (2 * SCALE))
    same_proxies(logits, softmax, "W", transpose=True)
    nca = ProxyNCALoss(CLASSES, DIM, softmax_scale=SCALE)
    same_proxies(logits, nca, "proxies", transpose=False)


def test_prototypical():
    """As neighbourhood components with the means for neighbours."""
    plain = LpDistance(power=2, normalize_embeddings=False)
    loss = NCALoss(softmax_scale=SCALE, distance=plain)

    def here(z, labels, mask):
        support = first_shots(labels, mask, 2)
        return prototypical(z, labels, mask, support, np.log(SCALE))

    def there(x, labels):
        z, classes = functional.normalize(x), labels.unique()
        support = torch.zeros(len(z), dtype=torch.bool)
        for c in classes:
            support[(labels == c).nonzero()[:2]] = True
        means = [z[support & (labels == c)].mean(0) for c in classes]
        queries, own = z[~support], labels[~support]
        return loss(queries, own, ref_emb=torch.stack(means), ref_labels=classes)

    same_pairs(here, there)


@pytest.mark.parametrize("temperature", [0.1, 0.7])
def test_supervised_contrastive(temperature):
    same_pairs(
        lambda z, labels, mask: supervised_contrastive(z, labels, mask, temperature),
        SupConLoss(temperature=temperature),
    )


@pytest.mark.parametrize("margins", [(0.0, 1.0), (0.4, 1.6)])
def test_contrastive(margins):
    same_pairs(
        lambda z, labels, mask: contrastive(z, labels, mask, *margins),
        ContrastiveLoss(*margins, distance=LpDistance(), reducer=HalfSquares()),
    )


@pytest.mark.parametrize("margin", [None, 0.0, 0.3])
def test_batch_hard_triplets(margin):
    miner = BatchHardMiner(distance=LpDistance())
    loss = TripletMarginLoss(
        margin or 0.0,
        smooth_loss=margin is None,
        distance=LpDistance(),
        reducer=MeanReducer(),
    )
    same_pairs(
        lambda z, labels, mask: batch_hard_triplet(z, labels, mask, margin),
        lambda x, labels: loss(x, labels, miner(x, labels)),
    )
