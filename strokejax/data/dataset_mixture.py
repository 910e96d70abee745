"""Several data sets as one, each with rows of its own."""

from collections.abc import Sequence

import numpy as np

from strokejax.data.dataset import Dataset


def mix(parts: Sequence[Dataset]) -> Dataset:
    """All samples; `origin` says which part each class is of.

    Classes of all parts but the first are called "PART:CLASS". Inputs are joined:
    "points" f32[n p 3], "image" u8[n h w], "has_ink" bool[n] and "size" f32[n], the
    longer side over the writer's usual one, NaN where unknown; what a sample does not
    have is blank.
    """
    first, *others = parts
    symbols, origin = list(first.symbols), [0] * len(first.symbols)
    labels = [first.labels]
    for i, part in enumerate(others, start=1):
        name = part.name.split("/")[0]
        labels.append(part.labels + len(symbols))
        symbols += [f"{name}:{symbol}" for symbol in part.symbols]
        origin += [i] * len(part.symbols)
    return Dataset(
        name="+".join(part.name for part in parts),
        inputs=_joined(parts),
        labels=np.concatenate(labels).astype(np.int32),
        symbols=tuple(symbols),
        groups=np.concatenate([part.groups for part in parts]),
        group_kind=first.group_kind,
        origin=np.array(origin, np.int32),
    )


def _joined(parts: Sequence[Dataset]) -> dict[str, np.ndarray]:
    """Every input of any part, blank where a part has none."""
    shapes = {
        name: (leaf.shape[1:], leaf.dtype)
        for part in parts
        for name, leaf in part.inputs.items()
        if name in ("points", "image")
    }
    joined = {}
    for name, (shape, dtype) in shapes.items():
        leaves = [
            part.inputs.get(name, np.zeros((len(part), *shape), dtype))
            for part in parts
        ]
        joined[name] = np.concatenate(leaves)
    ink = [
        part.inputs.get("has_ink", np.full(len(part), "points" in part.inputs))
        for part in parts
    ]
    if "image" in joined:
        joined["has_ink"] = np.concatenate(ink)
    sizes = [
        part.inputs.get("size", np.full(len(part), np.nan, np.float32))
        for part in parts
    ]
    joined["size"] = np.concatenate(sizes).astype(np.float32)
    return joined
