"""Batches of synthetic swipes: a pure function of the seed and the step."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from strokejax.tasks.swipes.layouts import MAX_KEYS, Layout, by_keys, layout
from strokejax.tasks.swipes.synthesis import USUAL, Finger, swipes
from strokejax.types import Batch, InputError

LENGTHS = (16, 32)
"""Letters of a batch's words with their end, at the most."""
FLAT = 0.6
"""Words are drawn by their frequency to the power of this: rare ones more often."""
INVENTED = 0.12
"""Share of words made of the beginning of one and the end of another."""
WIDTH = 0.13
"""Standard deviation of the logarithm of a keyboard's width, where it is unknown."""
HEIGHT = 0.03
KNOWN = 0.3
"""Share of swipes whose keyboard is exactly the one that is told."""
SHUFFLED = "shuffled"
"""A layout whose letters lie anew in each swipe, on the keys of the first one."""


class Board(NamedTuple):
    """A layout among a network's letters, and the words that it can write."""

    units: np.ndarray
    """f32[k 2]"""
    letters: np.ndarray
    """i32[k]: numbers among the network's letters."""
    words: list[np.ndarray]
    """Numbers of keys, word by word."""
    share: np.ndarray
    """f64[n]: cumulated probability of each word."""


def alphabet(layouts: Sequence[Layout]) -> tuple[str, ...]:
    """All letters of layouts, sorted."""
    return tuple(sorted({letter for each in layouts for letter in each.letters}))


def board(keys: Layout, letters: Sequence[str], words: Mapping[str, float]) -> Board:
    """What a layout can write of words with frequencies, of at most 31 letters.

    InputError where it can write none.
    """
    number = {letter: i for i, letter in enumerate(letters)}
    key = {letter: i for i, letter in enumerate(keys.letters)}
    found = {
        keyed: sum(frequency for _, frequency in each)
        for keyed, each in by_keys(words, keys.letters).items()
        if 0 < len(keyed) < LENGTHS[-1]
    }
    if not found:
        raise InputError(
            f"The layout {keys.name} cannot write any of {len(words):,} words; give "
            f"words of its letters, or a layout of theirs."
        )
    p = np.array([*found.values()]) ** FLAT
    ways = [np.array([key[c] for c in word]) for word in found]
    codes = np.array([number[c] for c in keys.letters], np.int32)
    return Board(keys.units(), codes, ways, np.cumsum(p / p.sum()))


def boards_of(
    text: str, words: Mapping[str, float]
) -> tuple[tuple[str, ...], list[tuple[Board, float, bool]]]:
    """Letters, and `(board, share, shuffled)` of layouts like "qwerty:2,shuffled"."""
    named = []
    for entry in filter(None, map(str.strip, text.split(","))):
        name, _, share = entry.partition("=")
        try:
            named.append((name.strip(), float(share or 1)))
        except ValueError:
            named.append((name, -1.0))
        if not 0 < named[-1][1] <= 1e6:
            raise InputError(
                f"config.swipe.layouts has {entry!r}; write NAME or NAME=SHARE, like "
                f"'qwerty=2,azerty'."
            )
    real = [(layout(name), share) for name, share in named if name != SHUFFLED]
    if not real:
        raise InputError(
            f"config.swipe.layouts is {text!r}; name a layout first, like 'qwerty'."
        )
    letters = alphabet([keys for keys, _ in real])
    found = [(board(keys, letters, words), share, False) for keys, share in real]
    found += [(found[0][0], share, True) for name, share in named if name == SHUFFLED]
    return letters, found


def swipe_batches(
    boards: Sequence[tuple[Board, float, bool]],
    end: int,
    size: int,
    *,
    seed: int,
    rows: slice = slice(None),
    finger: Finger = USUAL,
    exact: bool = False,
    invented: float = INVENTED,
) -> Callable[[int], Batch]:
    """`at(step)`: `rows` of a global batch of synthetic swipes over boards.

    Inputs "points" f32[b p 3], "keys" f32[b k 2], "letters" i32[b k] (-1 = no key),
    "known" f32[b], "word" i32[b l]: letters, then `end`, then -1; labels are these.
    `exact`: each keyboard is the one that is told.
    """
    shares = np.cumsum([share for _, share, _ in boards])
    most = max(len(each.letters) for each, _, _ in boards)

    def at(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        which = np.searchsorted(shares, rng.random(size) * shares[-1], side="right")
        ways = [_way(rng, boards[i][0], invented) for i in which]
        keys = np.full((size, most, 2), 99, np.float32)
        letters = np.full((size, most), -1, np.int32)
        for i, one in enumerate(which):
            own, _, shuffled = boards[one]
            count = len(own.letters)
            order = rng.permutation(count) if shuffled else slice(None)
            keys[i, :count] = own.units[order]
            letters[i, :count] = own.letters
        xy, seconds = swipes(rng, [keys[i, way] for i, way in enumerate(ways)], finger)
        known = (rng.random(size) < KNOWN) | exact
        worn = worn_points(rng, xy, known)
        time = seconds[:, None] * np.linspace(0, 1, xy.shape[1])
        points = np.concatenate([worn, time[..., None]], -1).astype(np.float32)
        longest = max(map(len, ways))
        length = next(each for each in LENGTHS if longest < each)
        word = np.full((size, length), -1, np.int32)
        for i, way in enumerate(ways):
            word[i, : len(way)], word[i, len(way)] = letters[i, way], end
        inputs = {
            "points": points[rows],
            "keys": keys[rows],
            "letters": letters[rows],
            "known": known[rows].astype(np.float32),
            "word": word[rows],
        }
        return Batch(inputs, word[rows], np.ones(len(word[rows]), bool))

    return at


def worn_points(rng, xy: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Swipes on keyboards of unknown size, in whole pixels of a key of 36 to 54."""
    b = len(xy)
    wide = np.where(known, 1.0, rng.lognormal(0, WIDTH, b))
    high = rng.lognormal(0, HEIGHT, b)
    xy = xy * np.stack([wide, high], -1)[:, None]
    xy[..., 1] += rng.normal(0, 0.07, (b, 1))
    pixels = np.array([36.0, 54.0])
    return np.round(xy * pixels) / pixels


def _way(rng: np.random.Generator, own: Board, invented: float) -> np.ndarray:
    """The keys of a word."""
    one = own.words[int(np.searchsorted(own.share, rng.random()))]
    if rng.random() >= invented:
        return one
    other = own.words[int(rng.integers(len(own.words)))]
    made = np.concatenate([one[: -(len(one) // 2) or None], other[len(other) // 2 :]])
    return made[: LENGTHS[0] - 1]


def padded_keys(keys: Layout, letters: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """`(f32[MAX_KEYS 2], i32[MAX_KEYS])`: a layout's keys among a network's letters."""
    number = {letter: i for i, letter in enumerate(letters)}
    known = [i for i, letter in enumerate(keys.letters) if letter in number]
    units = np.full((MAX_KEYS, 2), 99, np.float32)
    codes = np.full(MAX_KEYS, -1, np.int32)
    units[: len(known)] = keys.units()[known]
    codes[: len(known)] = [number[keys.letters[i]] for i in known]
    return units, codes
