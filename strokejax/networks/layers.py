"""Normalisation layers, with PyTorch's conventions where Linen's differ."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from strokejax.networks.functions import BN_EPS, BN_MOMENTUM


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe & Szegedy 2015) with PyTorch's conventions and a mask.

    Masked examples do not contribute; nor do masked positions, if the mask has as many
    dimensions as x. Running statistics keep 0.9 of the old value; the running variance
    is unbiased (n / (n - 1)), which `nn.BatchNorm` does not offer. An all-masked batch
    leaves them unchanged.
    """

    momentum: float = BN_MOMENTUM
    eps: float = BN_EPS

    @nn.compact
    def __call__(self, x, mask, train):
        c = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (c,))
        bias = self.param("bias", nn.initializers.zeros, (c,))
        mean = self.variable("batch_stats", "mean", jnp.zeros, (c,))
        var = self.variable("batch_stats", "var", jnp.ones, (c,))
        if not train:
            gain = scale * jax.lax.rsqrt(var.value + self.eps)
            return x * gain + (bias - mean.value * gain)
        if mask.ndim < x.ndim:
            mask = mask.reshape(-1, *(1,) * (x.ndim - 1))
        weight = mask.astype(x.dtype)
        axes = tuple(range(x.ndim - 1))
        # A mask of examples counts for all positions of each.
        n = jnp.sum(weight) * (x.size // (weight.size * c))
        m = jnp.sum(x * weight, axes) / jnp.maximum(n, 1.0)
        v = jnp.sum(weight * (x - m) ** 2, axes) / jnp.maximum(n, 1.0)
        decay = jnp.where(n > 0, self.momentum, 1.0)
        unbiased = v * n / jnp.maximum(n - 1.0, 1.0)
        mean.value = decay * mean.value + (1 - decay) * m
        var.value = decay * var.value + (1 - decay) * unbiased
        gain = scale * jax.lax.rsqrt(v + self.eps)
        return x * gain + (bias - m * gain)


class GroupNorm(nn.Module):
    """Group normalisation (Wu & He 2018) over groups of 8 channels; no statistics."""

    group_size: int = 8
    eps: float = 1e-5

    @nn.compact
    def __call__(self, x):
        return nn.GroupNorm(
            num_groups=None, group_size=self.group_size, epsilon=self.eps
        )(x)
