"""Questions that a stored model answers without training."""

from unittest import mock

import numpy as np

from strokejax.data.dataset import data_file
from strokejax.data.sets.unipen import FILE
from strokejax.data.splits import split_mask
from strokejax.evaluation.episodes import episodes
from strokejax.evaluation.few_shot import nearest_row, rows_of
from strokejax.evaluation.figure import Figure, share
from strokejax.evaluation.scores import merge_twins
from strokejax.ink.packed import PackedInk
from strokejax.ink.resample import longer_sides
from strokejax.registration import rows as online
from strokejax.table.table import unit
from strokejax.tasks.symbols.evaluation.accuracy import rank_in_batches
from strokejax.tasks.symbols.evaluation.incremental import LabelledEmbeddings
from strokejax.tasks.symbols.evaluation.labelled import load_labelled
from strokejax.tasks.symbols.evaluation.shots import personal_samples
from strokejax.tasks.symbols.evaluation.validation import (
    Validation,
    ablations,
    mask_modalities,
    true_names,
)

Row = dict[str, Figure]
"""Figures by the heads of their columns."""

PER_CLASS = 100
"""Training drawings of each letter that a mean is made of."""
WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Drawings that a trained row counts as beside a writer's own."""
EPISODES = 500
WOBBLE, PIXELS = 0.02, 60
"""A mouse: its error over the drawing's longer side, and that side in pixels."""


def made_rows(found: Validation) -> dict[str, Row]:
    """Letters named by rows that are made in several ways, whoever drew them."""
    drawn = found.letter_embeddings
    letters = np.unique(drawn.names)
    slots = found.model.symbols.slots(letters.tolist(), FILE)
    trained = unit(np.asarray(found.stored.table["embeddings"])[slots])
    known = _training_means(found, letters)
    writers = np.random.default_rng(0).permutation(np.unique(drawn.groups))
    first = np.isin(drawn.groups, writers[::2])
    # Each half of the writers is named by rows of the other's drawings.
    others = [
        (half, _means(drawn.z[~half], drawn.names[~half], letters))
        for half in (first, ~first)
    ]
    everyone = np.ones(len(drawn.z), bool)
    ways = {
        "trained rows": [(everyone, trained)],
        "means of training drawings": [(everyone, known)],
        "means of other validation writers": others,
        "trained rows + training means": [(everyone, unit(trained + known))],
        "trained rows + validation means": [(h, unit(trained + m)) for h, m in others],
    }
    return {name: _scored(drawn, letters, parts) for name, parts in ways.items()}


def _training_means(found: Validation, letters: np.ndarray) -> np.ndarray:
    spec = found.model.spec
    path = data_file(FILE, found.root)
    dataset = load_labelled(path, found.model.draw, strokes=False, **spec.raster)
    dataset = dataset.select(split_mask("train", "writer", dataset.groups))
    order = np.random.default_rng(0).permutation(len(dataset))
    labels = dataset.labels[order]
    few = [order[labels == c][:PER_CLASS] for c in np.unique(labels)]
    dataset = dataset.take(np.concatenate(few))
    return _means(found.model.embed(dict(dataset.inputs)), true_names(dataset), letters)


def _means(z: np.ndarray, names: np.ndarray, letters: np.ndarray) -> np.ndarray:
    return np.stack([rows_of(z[names == letter]) for letter in letters])


def _scored(drawn, letters, parts) -> Row:
    answer = np.empty(len(drawn.z), letters.dtype)
    for chosen, rows in parts:
        answer[chosen] = letters[nearest_row(drawn.z[chosen], rows)]
    return _columns(answer, drawn.names, drawn.groups, "UNIPEN")


def _columns(answer, names, groups, data: str) -> Row:
    same = merge_twins(answer) == merge_twins(names)
    return {
        f"{data} top-1": share("top-1", answer == names, groups, data),
        "twins merged": share("twins merged", same, groups, data),
    }


def mixture(found: Validation) -> dict[str, Row]:
    """A writer's rows where the trained row counts as more drawings or fewer."""
    rows = {}
    for weight in WEIGHTS:
        with mock.patch.object(online, "TRAINED_WEIGHT", weight):
            figures = personal_samples(found, (1, 3, 5, 10))
        name = f"{weight:g} drawings"
        rows[name] = {each.name.partition(", ")[2]: each for each in figures}
    return rows


def variations(found: Validation) -> dict[str, Row]:
    """One drawing as a row, or nine slightly turned and slanted ones of it."""
    several = Validation(found.stored, found.root, views=True)
    seen = {"one": found, "nine": several}
    ways = [("one", "one"), ("nine", "one"), ("nine", "nine")]
    return {
        f"row of {shown}, {asked} asked": {
            f"{title} 20w1s": _one_shot(
                getattr(seen[shown], part), getattr(seen[asked], part), title
            )
            for title, part in (("alphabet", "characters"), ("Detexify", "symbols"))
        }
        for shown, asked in ways
    }


def _one_shot(
    shown: LabelledEmbeddings, asked: LabelledEmbeddings, title: str
) -> Figure:
    alphabets = np.array([name.rpartition("/")[0] for name in shown.names])
    within = alphabets if title == "alphabet" else None
    names, label = np.unique(shown.names, return_inverse=True)
    settings = {"ways": 20, "shots": 1, "queries": 1, "seed": 0, "within": within}
    right, groups = [], []
    for each in episodes(label, count=EPISODES, groups=shown.groups, **settings):
        query = each.query.ravel()
        rows = rows_of(shown.z[each.support])
        right.append(nearest_row(asked.z[query], rows) == np.arange(20))
        groups.append((names[label] if within is None else alphabets)[query])
    return share("", np.concatenate(right), np.concatenate(groups), title)


def mouse(found: Validation) -> dict[str, Row]:
    """Pen digits of another device, as they are and as a mouse would draw them."""
    model, rows = found.model, {}
    path = data_file("pendigits_train.npz", found.root)
    for how, hand in (("pen", model.draw), ("mouse", lambda x: model.draw(shaken(x)))):
        dataset = load_labelled(path, hand, **model.spec.raster)
        for seen in ablations(model.spec.uses):
            if "size" in seen:  # nobody's reference size is known here
                continue
            inputs = mask_modalities(dict(dataset.inputs), seen, model.spec.uses)
            found_slots = rank_in_batches(model, model.embed(inputs), 1).slot
            answer = model.names(found_slots)[:, 0]
            name = f"{how}: {' + '.join(seen)}"
            columns = _columns(answer, true_names(dataset), dataset.groups, "Pendigits")
            rows[name] = columns
    return rows


def shaken(packed: PackedInk, seed: int = 0) -> PackedInk:
    """Ink with an unsteady hand's error, on a grid of few pixels."""
    first = np.asarray(packed.stroke_start)[packed.sample_start]
    side = np.repeat(np.maximum(longer_sides(packed), 1), np.diff(first))[:, None]
    points = np.asarray(packed.points, np.float64) / side
    points += np.random.default_rng(seed).normal(0, WOBBLE, points.shape)
    points = np.rint(PIXELS * points) / PIXELS * side
    return packed._replace(points=points.astype(np.float32))
