"""A network in a table: layers, shapes, parameters, multiplications."""

from strokejax.models.build import EncoderSpec


def describe(spec: EncoderSpec) -> str:
    """StrokeNet layer by layer, for one picture."""
    side, channels = spec.size, 1
    rows, weights, products = [], 0, 0
    for block, features in enumerate(((16, 32), (64, 64), (128, 128)), start=1):
        for i, out in enumerate(features, start=1):
            own, norm = 9 * channels * out, 2 * out
            multiplications = own * side * side
            shape = f"{side}x{side}x{out}"
            rows.append(
                (f"block{block}.conv{i} + norm", shape, own + norm, multiplications)
            )
            channels = out
        side //= 2
    for name, size in (("hidden", 128), ("out", spec.out_dim)):
        own = channels * size
        rows.append((name, str(size), own + size, own))
        channels = size
    weights, products = (sum(row[i] for row in rows) for i in (2, 3))
    kind = "embedding" if spec.normalise else "logits"
    lines = [
        f"{spec.architecture} {spec.size}x{spec.size} -> {spec.out_dim} ({kind}): "
        f"{weights:,} parameters, {products / 1e6:.1f} M multiplications a picture"
    ]
    lines += [f"  {n:<22}{s:>12}{w:>10,}{m:>12,}" for n, s, w, m in rows]
    return "\n".join(lines)
