"""What a network is made of, in figures."""

from strokejax.networks.functions import (
    FEATURES,
    HIDDEN,
    MOTION,
    POINTS,
    RESIDUAL,
    SHAPE,
    SIMPLE,
    TEXT,
    WIDTH,
    Layout,
    scaled,
)
from strokejax.networks.spec import FONTS, EncoderSpec

Row = tuple[str, str, int, int]
"""A layer, its output, its parameters, its multiplications for one drawing."""


def describe(spec: EncoderSpec) -> str:
    """The network layer by layer, for one drawing."""
    rows: list[Row] = []
    joined = 0
    if spec.architecture in FONTS:
        return _of_text(spec)
    if spec.architecture == "resnet":
        layout = scaled(RESIDUAL, spec.channels)
        rows += _residual(spec.size, layout)
        joined += layout[-1][-1]
    elif "shape" in spec.uses:
        layout = scaled(SHAPE, spec.channels, spec.convs)
        rows += _shape(spec.size, layout)
        joined += layout[-1][-1] * (1 if spec.uses == ("shape",) else 4)
    if "motion" in spec.uses:
        rows += _motion(scaled(MOTION, spec.channels))
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


def _of_text(spec: EncoderSpec) -> str:
    """`font_net` or `simple_cnn`, in one line; its multiplications are the 3x3's."""
    simple = spec.architecture == "simple_cnn"
    layout = scaled(SIMPLE if simple else TEXT, spec.channels, spec.convs)
    height, width, channels, products = spec.size, spec.length, 1, 0
    for group in layout:
        for features in group:
            products += 9 * channels * features * height * width
            channels = features
        height, width = height // 2, width // 2
    groups = ", ".join("-".join(map(str, group)) for group in layout)
    return (
        f"{spec.architecture} {spec.size}x{spec.length} -> {spec.out_dim}: channels "
        f"{groups}, {products / 1e6:.1f} M multiplications a picture"
    )


def _shape(side: int, layout: Layout) -> list[Row]:
    rows, channels = [], 1
    for block, features in enumerate(layout, start=1):
        for i, out in enumerate(features, start=1):
            own, norm = 9 * channels * out, 2 * out
            name = f"block{block}.conv{i} + norm"
            rows.append((name, f"{side}x{side}x{out}", own + norm, own * side * side))
            channels = out
        side //= 2
    return rows


def _residual(side: int, layout: Layout) -> list[Row]:
    channels = layout[0][0]
    size, own = f"{side}x{side}x{channels}", 9 * channels
    rows = [("stem + norm", size, own + 2 * channels, own * side * side)]
    for stage, features in enumerate(layout, start=1):
        side = side if stage == 1 else side // 2
        before = channels
        for i, out in enumerate(features, start=1):
            own, place = 9 * channels * out, f"{side}x{side}x{out}"
            name = f"stage{stage}.conv{i} + norm"
            rows.append((name, place, own + 2 * out, own * side * side))
            channels = out
        if before != channels:
            own, place = before * channels, f"{side}x{side}x{channels}"
            name = f"stage{stage}.shortcut + norm"
            rows.append((name, place, own + 2 * channels, own * side * side))
    return rows


def _motion(layout: Layout) -> list[Row]:
    rows, channels, count = [], 6, POINTS
    for block, features in enumerate(layout, start=1):
        count = count if block == 1 else count // 2
        for i, out in enumerate(features, start=1):
            own, norm = WIDTH * channels * out, 2 * out
            name = f"motion.block{block}_{i} + norm"
            rows.append((name, f"{count}x{out}", own + norm, own * count))
            channels = out
    own = 2 * channels * FEATURES
    return [*rows, ("motion.out", str(FEATURES), own + FEATURES, own)]
