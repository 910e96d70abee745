"""An encoder's parameters and FLOPs."""

import jax
import numpy as np

from strokejax.types import Encoder, PyTree


def summary(
    encoder: Encoder, params: PyTree, model_state: PyTree, inputs: PyTree
) -> str:
    """Parameters in total and by block, FLOPs of one example, and the output's shape.

    The FLOPs are XLA's count for the program before optimisation.
    """
    one = jax.tree.map(lambda leaf: leaf[:1], inputs)

    def apply(params, model_state, inputs):
        mask = np.ones(1, bool)
        return encoder.apply(params, model_state, inputs, mask, train=False)[0]

    # Lowering is enough for the count: nothing is compiled.
    lowered = jax.jit(apply).lower(params, model_state, one)
    flops = (lowered.cost_analysis() or {}).get("flops", 0.0)
    blocks = {
        name: sum(np.size(leaf) for leaf in jax.tree.leaves(block))
        for name, block in params.items()
    }
    (shape,) = (leaf.shape[1:] for leaf in jax.tree.leaves(lowered.out_info))
    total = f"{sum(blocks.values()):,} parameters, {flops / 1e6:.1f} MFLOPs an example"
    rows = (f"  {name:<22}{count:>12,}" for name, count in blocks.items())
    return "\n".join([f"{total}, output {list(shape)}", *rows])
