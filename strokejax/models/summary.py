"""What a network is made of, in figures."""

from strokejax.models.build import EncoderSpec
from strokejax.models.layouts import MOTION, POINTS, SHAPE, WIDTH

Row = tuple[str, str, int, int]
"""A layer, its output, its parameters, its multiplications for one drawing."""
FEATURES, HIDDEN = 128, 128


def describe(spec: EncoderSpec) -> str:
    """The network layer by layer, for one drawing."""
    rows: list[Row] = []
    joined = 0
    if "shape" in spec.uses:
        rows += _shape(spec.size)
        joined += FEATURES if spec.uses == ("shape",) else 4 * FEATURES
    if "motion" in spec.uses:
        rows += _motion()
        joined += FEATURES
    if "size" in spec.uses:
        joined += 2 + len(spec.uses) - 1  # the size, and what of each part is there
    for name, size in (("hidden", HIDDEN), ("out", spec.out_dim)):
        rows.append((name, str(size), joined * size + size, joined * size))
        joined = size
    weights, products = sum(row[2] for row in rows), sum(row[3] for row in rows)
    kind = "embedding" if spec.normalise else "logits"
    lines = [
        f"{spec.architecture} {spec.size}x{spec.size} -> {spec.out_dim} ({kind}): "
        f"{weights:,} parameters, {products / 1e6:.1f} M multiplications a drawing"
    ]
    lines += [f"  {n:<22}{s:>12}{w:>10,}{m:>12,}" for n, s, w, m in rows]
    return "\n".join(lines)


def _shape(side: int) -> list[Row]:
    rows, channels = [], 1
    for block, features in enumerate(SHAPE, start=1):
        for i, out in enumerate(features, start=1):
            own, norm = 9 * channels * out, 2 * out
            name = f"block{block}.conv{i} + norm"
            rows.append((name, f"{side}x{side}x{out}", own + norm, own * side * side))
            channels = out
        side //= 2
    return rows


def _motion() -> list[Row]:
    rows, channels, count = [], 6, POINTS
    for block, features in enumerate(MOTION, start=1):
        count = count if block == 1 else count // 2
        for i, out in enumerate(features, start=1):
            own, norm = WIDTH * channels * out, 2 * out
            name = f"motion.block{block}_{i} + norm"
            rows.append((name, f"{count}x{out}", own + norm, own * count))
            channels = out
    own = 2 * channels * FEATURES
    return [*rows, ("motion.out", str(FEATURES), own + FEATURES, own)]
