"""Batches of swipes: pure functions of the seed and the step.

Synthetic swipes are drawn over boards, recorded ones come from a file. Both give the
same inputs, which `mask_letters` extends by the letters that continue some word;
`write_swipes` stores synthetic swipes as a file.
"""

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
    is_plausible,
    read_swipes,
    swipe_line,
)
from strokejax.tasks.swipes.layouts import MAX_KEYS, Layout, by_keys, layout, typed
from strokejax.tasks.swipes.synthesis import (
    DEFAULT_SYNTHESIS,
    POINTS,
    SwipeSynthesis,
    swipes,
)
from strokejax.types import Batch, InputError

WORD_LENGTHS = (16, 32)
"""Padded lengths of a batch's words, end included; the first that fits is taken."""
FREQUENCY_POWER = 0.6
"""Words are drawn by their frequency to this power, so rare ones come more often."""
INVENTED = 0.12
"""Share of invented words: the beginning of one word and the end of another."""
SHUFFLED = "shuffled"
"""Name of the layout that permutes the letters of the first one in every swipe."""
NO_KEY = 99
"""Place of padding keys in key units, far off every keyboard."""

WIDTH_SIGMA, HEIGHT_SIGMA = 0.13, 0.03
"""Standard deviations of the logarithm of an unknown width, and of the height."""
KNOWN_SHARE = 0.3
"""Share of synthetic swipes whose keyboard has the layout's width."""
PIXELS = (36.0, 54.0)
"""Pixels of a key, to which the points of training swipes are rounded."""

HELD_OUT = 10
"""One in so many words is held out, with all its swipes."""
POINT_SIGMA = 0.03
"""Standard deviation of the noise on a recorded point, in keys."""
PACE_SIGMA, STEP_SIGMA = 0.1, 0.2
"""Standard deviations of the logarithm of a swipe's pace, and of each step's."""

CHUNK = 1_000
"""Swipes that `write_swipes` makes at once."""


# Boards: what synthetic swipes are drawn over.


class Board(NamedTuple):
    """A layout in the letters of a network, and the words that it can write."""

    units: np.ndarray
    """f32[k 2]: key centres in key units."""
    letters: np.ndarray
    """i32[k]: index of each key's letter among the network's."""
    words: list[np.ndarray]
    """Key indices of each word."""
    cumulative: np.ndarray
    """f64[n]: cumulative probabilities of the words."""


def alphabet(layouts: Sequence[Layout]) -> tuple[str, ...]:
    """All letters of some layouts, sorted."""
    return tuple(sorted({letter for keys in layouts for letter in keys.letters}))


def board(keys: Layout, letters: Sequence[str], words: Mapping[str, float]) -> Board:
    """The board of a layout, with the words that it can write in at most 31 letters.

    `words` have frequencies. InputError for a layout that can write none of them.
    """
    number = {letter: i for i, letter in enumerate(letters)}
    key = {letter: i for i, letter in enumerate(keys.letters)}
    totals = {
        written: sum(frequency for _, frequency in group)
        for written, group in by_keys(words, keys.letters).items()
        if 0 < len(written) < WORD_LENGTHS[-1]
    }
    if not totals:
        raise InputError(
            f"The layout {keys.name} cannot write any of {len(words):,} words; give "
            f"words of its letters, or a layout of theirs."
        )
    p = np.array([*totals.values()]) ** FREQUENCY_POWER
    paths = [np.array([key[letter] for letter in written]) for written in totals]
    codes = np.array([number[letter] for letter in keys.letters], np.int32)
    return Board(keys.units(), codes, paths, np.cumsum(p / p.sum()))


def boards_of(
    text: str, words: Mapping[str, float]
) -> tuple[tuple[str, ...], list[tuple[Board, float, bool]]]:
    """The letters, and `(board, share, shuffled)` of layouts like "qwerty=2,shuffled".

    InputError for a share that is not a number above 0, and for a text that names no
    layout beside `shuffled`.
    """
    shares = []
    for entry in filter(None, map(str.strip, text.split(","))):
        name, _, share = entry.partition("=")
        try:
            shares.append((name.strip(), float(share or 1)))
        except ValueError:
            shares.append((name, -1.0))
        if not 0 < shares[-1][1] <= 1e6:
            raise InputError(
                f"config.swipe.layouts has {entry!r}; write NAME or NAME=SHARE, like "
                f"'qwerty=2,azerty'."
            )
    real = [(layout(name), share) for name, share in shares if name != SHUFFLED]
    if not real:
        raise InputError(
            f"config.swipe.layouts is {text!r}; name a layout first, like 'qwerty'."
        )
    letters = alphabet([keys for keys, _ in real])
    boards = [(board(keys, letters, words), share, False) for keys, share in real]
    first = boards[0][0]
    boards += [(first, share, True) for name, share in shares if name == SHUFFLED]
    return letters, boards


def padded_keys(keys: Layout, letters: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """`(f32[MAX_KEYS 2], i32[MAX_KEYS])`: a layout's keys in a network's letters.

    The codes are -1 behind the keys; keys whose letter the network lacks are left out.
    """
    number = {letter: i for i, letter in enumerate(letters)}
    known = [i for i, letter in enumerate(keys.letters) if letter in number]
    units = np.full((MAX_KEYS, 2), NO_KEY, np.float32)
    codes = np.full(MAX_KEYS, -1, np.int32)
    units[: len(known)] = keys.units()[known]
    codes[: len(known)] = [number[keys.letters[i]] for i in known]
    return units, codes


# Synthetic swipes.


def swipe_batches(
    boards: Sequence[tuple[Board, float, bool]],
    end: int,
    size: int,
    *,
    seed: int,
    rows: slice = slice(None),
    synthesis: SwipeSynthesis = DEFAULT_SYNTHESIS,
    exact: bool = False,
    invented: float = INVENTED,
) -> Callable[[int], Batch]:
    """`at(step)`: these `rows` of a global batch of synthetic swipes over boards.

    Inputs are "points" f32[b p 3] in key units and seconds, "keys" f32[b k 2] in key
    units, "letters" i32[b k] (-1 = no key), "known" f32[b] (1 = the keyboard has the
    layout's width) and "word" i32[b l], which is also the labels: letters, then `end`,
    then -1. `exact` gives every keyboard the layout's width.
    """
    shares = np.cumsum([share for _, share, _ in boards])
    max_keys = max(len(board.letters) for board, _, _ in boards)

    def at(step: int) -> Batch:
        # Every process draws the whole batch, so that its rows do not depend on the
        # number of processes.
        rng = np.random.default_rng([seed, step])
        drawn = np.searchsorted(shares, rng.random(size) * shares[-1], side="right")
        paths = [_sample_word(rng, boards[i][0], invented) for i in drawn]
        keys = np.full((size, max_keys, 2), NO_KEY, np.float32)
        letters = np.full((size, max_keys), -1, np.int32)
        for i, number in enumerate(drawn):
            board, _, shuffled = boards[number]
            count = len(board.letters)
            order = rng.permutation(count) if shuffled else slice(None)
            keys[i, :count] = board.units[order]
            letters[i, :count] = board.letters
        xy, seconds = swipes(
            rng, [keys[i, path] for i, path in enumerate(paths)], synthesis
        )
        known = (rng.random(size) < KNOWN_SHARE) | exact
        xy = augment_keyboard(rng, xy, known)
        time = seconds[:, None] * np.linspace(0, 1, xy.shape[1])
        points = np.concatenate([xy, time[..., None]], -1)
        codes = [letters[i, path] for i, path in enumerate(paths)]
        word = _padded_words(codes, end)
        return _batch_rows(rows, points, keys, letters, known, word)

    return at


def _sample_word(rng: np.random.Generator, board: Board, invented: float) -> np.ndarray:
    """Key indices of a random word."""
    word = board.words[int(np.searchsorted(board.cumulative, rng.random()))]
    if rng.random() >= invented:
        return word
    other = board.words[int(rng.integers(len(board.words)))]
    # `or None` keeps a word of one letter whole, where -0 would empty it.
    beginning, end = word[: -(len(word) // 2) or None], other[len(other) // 2 :]
    return np.concatenate([beginning, end])[: WORD_LENGTHS[0] - 1]


def _padded_words(words: Sequence[Sequence[int] | np.ndarray], end: int) -> np.ndarray:
    """i32[b l]: the letters of each word, then `end`, then -1; l is in WORD_LENGTHS."""
    longest = max(map(len, words))
    length = next(length for length in WORD_LENGTHS if longest < length)
    padded = np.full((len(words), length), -1, np.int32)
    for row, word in zip(padded, words, strict=True):
        row[: len(word)], row[len(word)] = word, end
    return padded


def _batch_rows(rows: slice, points, keys, letters, known, word) -> Batch:
    """The inputs that `swipe_batches` describes, of some rows of the global batch."""
    inputs = {
        "points": points[rows].astype(np.float32),
        "keys": keys[rows],
        "letters": letters[rows],
        "known": known[rows].astype(np.float32),
        "word": word[rows],
    }
    return Batch(inputs, word[rows], np.ones(len(word[rows]), bool))


def augment_keyboard(rng, xy: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Swipes f[b p 2] in key units, as on keyboards of slightly other sizes.

    Widths vary where they are not `known` bool[b]; heights and vertical shifts always
    vary. Points are rounded to whole pixels.
    """
    b = len(xy)
    width = np.where(known, 1.0, rng.lognormal(0, WIDTH_SIGMA, b))
    height = rng.lognormal(0, HEIGHT_SIGMA, b)
    xy = xy * np.stack([width, height], -1)[:, None]
    xy[..., 1] += rng.normal(0, 0.07, (b, 1))
    pixels = np.array(PIXELS)
    return np.round(xy * pixels) / pixels


# Recorded swipes: people's, or those that `swipe make` wrote.


def split_recordings(path: str | Path, keys: Layout) -> tuple[list[Swipe], list[Swipe]]:
    """`(train, valid)`: the plausible swipes of a file; no word is in both.

    The number of swipes left out is printed on stderr. InputError for a file that would
    leave one of both empty.
    """
    lines = read_swipes(path)
    recordings = [s for s in lines if isinstance(s, Swipe) and is_plausible(s, keys)]
    if len(recordings) < len(lines):
        print(
            f"{path}: {len(lines) - len(recordings):,} of {len(lines):,} swipes are "
            f"left out: they are damaged, or do not fit their word",
            file=sys.stderr,
        )
    parts: tuple[list[Swipe], list[Swipe]] = [], []
    for swipe in recordings:
        # A hash, so that a word keeps its part when the file grows.
        parts[crc32(swipe.word.lower().encode()) % HELD_OUT == 0].append(swipe)
    if not all(parts):
        raise InputError(
            f"{path} has {len(recordings):,} usable swipes, of too few words to hold "
            f"some out; record more."
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
    augment: bool = True,
) -> Callable[[int], Batch]:
    """`at(step)`: batches like those of `swipe_batches`, of recorded swipes.

    Every epoch has another order. `augment` varies a swipe's keyboard, points and time
    each time it comes.
    """
    number = {letter: i for i, letter in enumerate(letters)}
    trajectories = np.stack([_resampled(swipe, keys) for swipe in swipes])
    known = np.array([swipe.width is not None for swipe in swipes])
    words = [
        typed(swipe.word, keys.letters)[: WORD_LENGTHS[-1] - 1] for swipe in swipes
    ]
    words = [[number[letter] for letter in word] for word in words]
    codes = np.array([number[letter] for letter in keys.letters], np.int32)
    units = keys.units()

    def at(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        epoch = np.random.default_rng([seed, step * size // len(swipes), 7])
        order = epoch.permutation(len(swipes))
        drawn = order[(step * size + np.arange(size)) % len(swipes)]
        points = trajectories[drawn]
        if augment:
            points = jitter(rng, points)
            points[..., :2] = augment_keyboard(rng, points[..., :2], known[drawn])
        all_units = np.broadcast_to(units, (size, *units.shape))
        all_codes = np.broadcast_to(codes, (size, *codes.shape))
        word = _padded_words([words[i] for i in drawn], len(letters))
        return _batch_rows(rows, points, all_units, all_codes, known[drawn], word)

    return at


def jitter(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """f64[b p 3]: points with noise on their places, at an uneven pace."""
    b, p, _ = points.shape
    points = points.copy()
    points[..., :2] += rng.normal(0, POINT_SIGMA, (b, p, 2))
    pace = rng.lognormal(0, PACE_SIGMA, (b, 1))
    pace = pace * rng.lognormal(0, STEP_SIGMA, (b, p - 1))
    points[:, 1:, 2] = np.cumsum(np.diff(points[..., 2]) * pace, 1)
    return points


def _resampled(swipe: Swipe, keys: Layout) -> np.ndarray:
    """f64[POINTS 3]: a swipe in key units and seconds, at equal times."""
    points = in_pixels(swipe, keys)
    points[:, :2] = keys.to_units(points[:, :2])
    t = np.linspace(0, points[-1, 2], POINTS)
    x, y = (np.interp(t, points[:, 2], points[:, i]) for i in (0, 1))
    return np.stack([x, y, t], -1)


# Files of synthetic swipes.


def write_swipes(
    out: Path, keys: str, words: Mapping[str, float], count: int, seed: int
) -> int:
    """Writes so many synthetic swipes as JSON lines, and returns their number.

    Words are drawn by their frequencies to the power `FREQUENCY_POWER`; among words
    with the same keys, like "its" and "it's", by their frequencies.
    """
    chosen = layout(keys)
    target = board(chosen, chosen.letters, words)
    groups = by_keys(words, chosen.letters)
    spellings = [
        groups["".join(chosen.letters[k] for k in path)] for path in target.words
    ]
    lines = []
    for start in range(0, count, CHUNK):
        rng = np.random.default_rng([seed, start])
        size = min(CHUNK, count - start)
        drawn = np.searchsorted(target.cumulative, rng.random(size)).tolist()
        xy, seconds = swipes(rng, [target.units[target.words[i]] for i in drawn])
        for i, places, duration in zip(drawn, xy, seconds.tolist(), strict=True):
            points = np.empty((len(places), 3))
            points[:, :2] = places * chosen.pitch + chosen.origin
            points[:, 2] = np.linspace(0, duration, len(places))
            spelling, frequency = zip(*spellings[i], strict=True)
            p = np.divide(frequency, sum(frequency))
            word = spelling[rng.choice(len(spelling), p=p)]
            lines.append(swipe_line(word, points, chosen.name))
    save_file(out, "\n".join([*lines, ""]).encode())
    return count


# Masks of the letters that continue some word.


def mask_letters(
    at: Callable[[int], Batch], boards: list[tuple[Board, float, bool]], end: int
) -> Callable[[int], Batch]:
    """Batches with "allowed" bool[b l end+1]: the letters that continue some word.

    Every letter is allowed in a word that no board has, as invented ones are.
    """
    # Words share prefixes; each prefix has one mask.
    continuations: dict[tuple[int, ...], np.ndarray] = {}
    for board, _, _ in boards:
        for path in board.words:
            for prefix, code in prefixes([*board.letters[path].tolist(), end]):
                row = continuations.setdefault(prefix, np.zeros(end + 1, bool))
                row[code] = True

    @lru_cache(4)
    def with_masks(step: int) -> Batch:
        batch = at(step)
        allowed = np.ones((*batch.labels.shape, end + 1), bool)
        for i, row in enumerate(batch.labels):
            codes = row[row >= 0].tolist()
            steps = [(continuations.get(prefix), c) for prefix, c in prefixes(codes)]
            if all(mask is not None and mask[code] for mask, code in steps):
                allowed[i, : len(steps)] = [mask for mask, _ in steps]
        return batch._replace(inputs=batch.inputs | {"allowed": allowed})

    return with_masks


def prefixes(codes: list[int]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Each code with the codes before it."""
    return ((tuple(codes[:i]), code) for i, code in enumerate(codes))
