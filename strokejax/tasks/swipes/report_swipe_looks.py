"""Which points of swipes a network looked at, letter by letter."""

from functools import partial
from pathlib import Path

import jax
import numpy as np

from strokejax.networks.spec import EncoderSpec
from strokejax.tasks.swipes.data import Swipe
from strokejax.tasks.swipes.features import resampled
from strokejax.tasks.swipes.keyboard_keyboard import Keyboard, in_units
from strokejax.tasks.swipes.layouts_keyboard_fit import Placing
from strokejax.tasks.swipes.report_swipe_sheet import attention_picture, write_pictures
from strokejax.tasks.swipes.typist import Guess, Typist
from strokejax.types import InputError

MOST = 100
"""Pictures of a file."""


def draw(
    folder: Path,
    keyboard: Keyboard,
    swipes: list[Swipe | InputError],
    found: list[list[Guess] | InputError],
    placing: Placing,
    first: int = 0,
) -> None:
    """A picture of each of some swipes and its best word, NUMBER-WORD.png.

    The swipes are counted from `first`, and no more than `MOST` are drawn.
    """
    typist = keyboard.typist
    names, pictures = [], []
    for i, (swipe, guesses) in enumerate(zip(swipes, found, strict=True), first):
        if isinstance(swipe, InputError) or isinstance(guesses, InputError):
            continue
        if len(pictures) == MOST or not guesses:
            continue
        word = typist.written(guesses[0].word)
        units = in_units(swipe, typist.keys, placing)
        points, looks = looked(typist, units, word, swipe.width is not None)
        pictures.append(attention_picture(word, points, looks, typist.keys))
        names.append(f"{i:05d}-{word}")
    write_pictures(folder, names, pictures)


def looked(
    typist: Typist, swipe: np.ndarray, word: str, known: bool
) -> tuple[np.ndarray, np.ndarray]:
    """`(f[p 2], f[l p])`: a swipe's points, and how much letters looked at each."""
    inputs = typist.inputs([swipe], np.array([known]))
    codes = np.full((1, 32), -1, np.int32)
    codes[0, : len(word)] = [typist.letters.index(c) for c in word]
    looks = _looks(typist.spec, typist.params, inputs, codes)
    points = np.asarray(resampled(inputs["points"]))[0, :, :2]
    return points, np.asarray(looks)[0, : len(word)]


@partial(jax.jit, static_argnames="spec")
def _looks(spec: EncoderSpec, params, inputs, codes):
    from strokejax.tasks.swipes.network import SwipeNet

    net = SwipeNet(spec.out_dim, spec.architecture, spec.features, 0.0)
    bound = net.bind({"params": params})
    return bound.attention(bound.encode(inputs), codes)
