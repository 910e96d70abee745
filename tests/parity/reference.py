"""StrokeNet, its heads and its losses in plain PyTorch, and the way across.

Importing this module skips the importing tests where PyTorch is missing.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from strokejax.tasks.symbols.torch_import import COUNTERS, convert

torch = pytest.importorskip(
    "torch", reason="PyTorch is missing: pip install 'strokejax[parity]'"
)
nn = torch.nn
functional = torch.nn.functional

QUICK = {"xla_backend_optimization_level": 0}
"""Options for XLA: compiling takes most of the time in these tests."""


class StrokeNet(nn.Module):
    """f32[b 1 28 28] -> f32[b out_dim]; dropout is off unless asked for."""

    def __init__(self, out_dim, channel_dropout=0.0, dropout=0.0):
        super().__init__()
        self.block1, self.block2, self.block3 = (
            nn.Sequential(
                nn.Conv2d(before, first, 3, padding=1, bias=False),
                nn.BatchNorm2d(first),
                nn.ReLU(),
                nn.Conv2d(first, second, 3, padding=1, bias=False),
                nn.BatchNorm2d(second),
                nn.ReLU(),
            )
            for before, first, second in ((1, 16, 32), (32, 64, 64), (64, 128, 128))
        )
        self.pool = nn.MaxPool2d(2)
        self.channel_dropout = nn.Dropout2d(channel_dropout)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(128, 128), nn.ReLU(), nn.Dropout(dropout), nn.Linear(128, out_dim)
        )

    def forward(self, images):
        return self.stages(images)["out"]

    def stages(self, images):
        """What each block gives, and the output."""
        x, found = images, {}
        for name in ("block1", "block2", "block3"):
            x = found[name] = self.pool(getattr(self, name)(x))
        x = self.average(self.channel_dropout(x)).flatten(1)
        return found | {"out": self.classifier(x)}


def stroke_net(seed, out_dim):
    """A StrokeNet whose norms and statistics differ from what they start as."""
    torch.manual_seed(seed)
    net = StrokeNet(out_dim)
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.normal_(0.0, 0.2)
                layer.running_mean.normal_(0.0, 0.2)
                layer.running_var.uniform_(0.5, 1.5)
    return net


class EmbeddingHead(nn.Module):
    """A StrokeNet and the rows of a table: logits = -scale * |z - e|^2 of unit rows."""

    def __init__(self, encoder, classes, scale=16.0):
        super().__init__()
        self.encoder = encoder
        dim = encoder.classifier[3].out_features
        self.embeddings = nn.Parameter(torch.randn(classes, dim))
        self.log_scale = nn.Parameter(torch.tensor(scale).log())

    def forward(self, images):
        return table_logits(self.encoder(images), self.embeddings, self.log_scale)


def table_logits(z, embeddings, log_scale):
    """The formula, row by row."""
    z, rows = (functional.normalize(x, dim=-1) for x in (z, embeddings))
    return -log_scale.exp() * (z[:, None] - rows).square().sum(-1)


def to_jax(net, tensors=None):
    """`(params, model_state)` by the one table, as copies.

    `tensors` stand in for the parameters of that name: gradients, say.
    """
    whole = {**net.state_dict(), **(tensors or {})}
    arrays = {name: x.detach().numpy() for name, x in whole.items()}
    assert arrays.keys() >= COUNTERS
    return jax.tree.map(jnp.asarray, convert(arrays))


def gradients(net):
    """The gradient of every parameter by name."""
    return {name: parameter.grad for name, parameter in net.named_parameters()}


def images_of(rng, b, size=28):
    """Pictures f32[b size size]: ink of any strength on paper that is blank at the rim.

    Equal pixels tie in the poolings, as they do in drawings.
    """
    images = np.maximum(rng.uniform(-1.0, 1.0, (b, size, size)), 0.0)
    images = images.astype(np.float32)
    images[:, :, : size // 5] = images[:, : size // 5] = 0.0
    return images


def close(found, wanted, tolerance):
    """Asserts equality leaf by leaf, absolutely below 1 and relatively above."""

    def leaf(path, a, b):
        b = b.detach().numpy() if isinstance(b, torch.Tensor) else b
        np.testing.assert_allclose(
            a, b, tolerance, tolerance, err_msg=jax.tree_util.keystr(path)
        )

    jax.tree_util.tree_map_with_path(leaf, found, wanted)
