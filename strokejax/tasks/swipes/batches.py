"""Batches of synthetic swipes: a pure function of the seed and the step."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np

from strokejax.files import save_file
from strokejax.tasks.swipes.data import (
    Swipe,
    in_pixels,
    likely,
    read_swipes,
    swipe_line,
)
from strokejax.tasks.swipes.layouts import MAX_KEYS, Layout, by_keys, layout, typed
from strokejax.tasks.swipes.synthesis import POINTS, USUAL, Finger, swipes
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


# Batches of recorded swipes: people's, or those that `swipe make` wrote.


HELD_OUT = 10
"""Of so many words one is held out with all its swipes."""
NOISE = 0.03
"""Standard deviation of a point's place, in keys."""
PACE, UNEVEN = 0.1, 0.2
"""Standard deviations of the logarithm of a swipe's pace, and of each of its steps."""


def recorded(path: str | Path, keys: Layout) -> tuple[list[Swipe], list[Swipe]]:
    """`(train, valid)`: a file's swipes that may mean their words; no word is in both.

    Others are counted on stderr. InputError where a part would be empty.
    """
    found = read_swipes(path)
    good = [s for s in found if isinstance(s, Swipe) and likely(s, keys)]
    if len(good) < len(found):
        print(
            f"{path}: {len(found) - len(good):,} of {len(found):,} swipes are left "
            f"out: they are none, or not of their word",
            file=sys.stderr,
        )
    parts: tuple[list[Swipe], list[Swipe]] = [], []
    for swipe in good:
        parts[crc32(swipe.word.lower().encode()) % HELD_OUT == 0].append(swipe)
    if not all(parts):
        raise InputError(
            f"{path} has {len(good):,} swipes that can be trained on, of too few words "
            f"to hold some out; record more."
        )
    return parts


def record_batches(
    swipes: Sequence[Swipe],
    keys: Layout,
    letters: Sequence[str],
    size: int,
    *,
    seed: int,
    rows: slice = slice(None),
    plain: bool = False,
) -> Callable[[int], Batch]:
    """`at(step)` like `swipe_batches`, of recorded swipes in random order.

    Each time a swipe comes, its keyboard has another size, its points lie a little
    elsewhere and its time passes otherwise; unless `plain`.
    """
    number = {letter: i for i, letter in enumerate(letters)}
    places = np.stack([_resampled(swipe, keys) for swipe in swipes])
    told = np.array([swipe.width is not None for swipe in swipes])
    words = [typed(swipe.word, keys.letters)[: LENGTHS[-1] - 1] for swipe in swipes]
    codes = np.array([number[c] for c in keys.letters], np.int32)
    units = keys.units()

    def at(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        order = np.random.default_rng([seed, step * size // len(swipes), 7])
        some = order.permutation(len(swipes))
        which = some[(step * size + np.arange(size)) % len(swipes)]
        points = places[which]
        if not plain:
            points = shaken(rng, points)
            points[..., :2] = worn_points(rng, points[..., :2], told[which])
        length = LENGTHS[max(len(words[i]) for i in which) >= LENGTHS[0]]
        word = np.full((size, length), -1, np.int32)
        for i, one in enumerate(which):
            word[i, : len(words[one])] = [number[c] for c in words[one]]
            word[i, len(words[one])] = len(letters)
        inputs = {
            "points": points.astype(np.float32)[rows],
            "keys": np.broadcast_to(units, (size, *units.shape))[rows],
            "letters": np.broadcast_to(codes, (size, *codes.shape))[rows],
            "known": told[which].astype(np.float32)[rows],
            "word": word[rows],
        }
        return Batch(inputs, word[rows], np.ones(len(word[rows]), bool))

    return at


def shaken(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """f64[b p 3] with noise in the places, and time that runs unevenly."""
    b, p, _ = points.shape
    found = points.copy()
    found[..., :2] += rng.normal(0, NOISE, (b, p, 2))
    pace = rng.lognormal(0, PACE, (b, 1)) * rng.lognormal(0, UNEVEN, (b, p - 1))
    found[:, 1:, 2] = np.cumsum(np.diff(points[..., 2]) * pace, 1)
    return found


def _resampled(swipe: Swipe, keys: Layout) -> np.ndarray:
    """f64[POINTS 3]: in keys and seconds, at equal times."""
    points = in_pixels(swipe, keys)
    points[:, :2] = keys.to_units(points[:, :2])
    t = np.linspace(0, points[-1, 2], POINTS)
    x, y = (np.interp(t, points[:, 2], points[:, i]) for i in (0, 1))
    return np.stack([x, y, t], -1)


# Files of synthetic swipes.


PART = 1_000
"""Swipes made at once."""


def write_swipes(
    out: Path, keys: str, words: Mapping[str, float], count: int, seed: int
) -> int:
    """Writes so many swipes of words, drawn by how often they occur, as JSON lines.

    Of words that are written by the same keys, "its" and "it's", too.
    """
    own = layout(keys)
    some = board(own, own.letters, words)
    named = by_keys(words, own.letters)
    names = [named["".join(own.letters[c] for c in way)] for way in some.words]
    lines = []
    for start in range(0, count, PART):
        rng = np.random.default_rng([seed, start])
        size = min(PART, count - start)
        chosen = np.searchsorted(some.share, rng.random(size)).tolist()
        xy, seconds = swipes(rng, [some.units[some.words[i]] for i in chosen])
        for i, places, spent in zip(chosen, xy, seconds.tolist(), strict=True):
            points = np.empty((len(places), 3))
            points[:, :2] = places * own.pitch + own.origin
            points[:, 2] = np.linspace(0, spent, len(places))
            among, often = zip(*names[i], strict=True)
            word = among[rng.choice(len(among), p=np.divide(often, sum(often)))]
            lines.append(swipe_line(word, points, own.name))
    save_file(out, "\n".join([*lines, ""]).encode())
    return count


# Which letters words go on by.


def masked(
    at: Callable[[int], Batch], boards: list[tuple[Board, float, bool]], end: int
) -> Callable[[int], Batch]:
    """Batches with "allowed" bool[b l end+1]: letters by which some word goes on.

    Where the word itself is none of the boards', all are.
    """
    known: dict[tuple[int, ...], np.ndarray] = {}
    for board, _, _ in boards:
        for way in board.words:
            for before, code in prefixes([*board.letters[way].tolist(), end]):
                row = known.setdefault(before, np.zeros(end + 1, bool))
                row[code] = True

    @lru_cache(4)
    def with_masks(step: int) -> Batch:
        batch = at(step)
        allowed = np.ones((*batch.labels.shape, end + 1), bool)
        for i, row in enumerate(batch.labels):
            codes = row[row >= 0].tolist()
            steps = [(known.get(before), code) for before, code in prefixes(codes)]
            if all(mask is not None and mask[code] for mask, code in steps):
                allowed[i, : len(steps)] = [mask for mask, _ in steps]
        return batch._replace(inputs=batch.inputs | {"allowed": allowed})

    return with_masks


def prefixes(codes: list[int]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Each code with those before it."""
    return ((tuple(codes[:i]), code) for i, code in enumerate(codes))
