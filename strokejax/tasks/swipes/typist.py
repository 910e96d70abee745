"""From swipes to words: an immutable snapshot of a model, a layout and words."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.networks.spec import SWIPES, EncoderSpec
from strokejax.search.language import Guide, no_guide
from strokejax.store.model import StoredModel
from strokejax.tasks.lines.scores import edit_distance
from strokejax.tasks.swipes.batches import padded_keys
from strokejax.tasks.swipes.decode import USUAL_DECODER as USUAL
from strokejax.tasks.swipes.decode import Decoder, Lexicon, Search, final_scores, search
from strokejax.tasks.swipes.features import WIDTHS, ways
from strokejax.tasks.swipes.layouts import Layout, typed
from strokejax.types import InputError, PyTree

BATCHES = (1, 4, 16, 64, 256)
MOST_PAIRS = 2**18
"""Pairs of paths, of all swipes that are searched together: what a search may hold."""
LENGTHS = (64, 256, 1024, 4096, 16384)
FAR = 2.5
"""Key widths between an end of a swipe and its key: a word farther off is refused."""
UNDER = 32
"""Words under an unfinished path that are looked at."""


class Guess(NamedTuple):
    """A word that a swipe may mean."""

    word: str
    score: float
    """Logarithm; what the network, the word's frequency and its way say."""


@dataclass(frozen=True)
class Typist:
    """Types by one model on one layout; never changes, so threads may share it."""

    spec: EncoderSpec
    params: PyTree
    letters: tuple[str, ...]
    """Of the network's outputs; the last output, a word's end, has no name."""
    keys: Layout
    lexicon: Lexicon
    decoder: Decoder = USUAL

    def type(
        self,
        swipes: Sequence[np.ndarray],
        *,
        known: Sequence[bool] | None = None,
        count: int = 4,
    ) -> list[list[Guess]]:
        """Up to `count` words of each swipe, best first; none where none fits its ends.

        Swipes are f[n 3]: x and y in keys of the layout (`Layout.to_units`), seconds;
        `known` says where the keyboard is as wide as the layout says.
        """
        found: list[list[Guess]] = []
        sizes = np.zeros(len(swipes), bool) if known is None else np.asarray(known)
        # A search looks from each of its paths at the letters of all.
        wide = self.decoder.search.width**2
        most = max(size for size in BATCHES if size == 1 or size * wide <= MOST_PAIRS)
        for start in range(0, len(swipes), most):
            part = swipes[start : start + most]
            inputs = self.inputs(part, sizes[start : start + len(part)])
            text, score = self.searched(inputs)
            if self.decoder.weights.edits:
                score = score - self.decoder.weights.edits * self._edits(inputs, text)
            for i, swipe in enumerate(part):
                near = self.reach(swipe, sizes[start + i])
                found.append(self._words(text[i], score[i], count, near))
        return found

    def searched(self, inputs: dict) -> tuple[np.ndarray, np.ndarray]:
        """`(i32[b w l], f32[b w])`: letters and scores."""
        search, weights = self.decoder
        distances = weights.along, weights.passing
        guide = self.lexicon.guide
        return jax.device_get(
            type_words(self.spec, self.params, inputs, guide, search, distances)
        )

    def _edits(self, inputs: dict, text: np.ndarray) -> np.ndarray:
        """f32[b w]: edits from words to what is read letter by letter without words."""
        greedy = self.decoder.search._replace(width=1)
        free = no_guide(len(self.letters) + 1)
        read, _ = jax.device_get(
            type_words(self.spec, self.params, inputs, free, greedy)
        )

        def written(codes):
            return [c for c in codes if 0 <= c < len(self.letters)]

        return np.array(
            [
                [edit_distance(written(word), written(one)) for word in words]
                for words, (one,) in zip(text, read, strict=True)
            ],
            np.float32,
        )

    def inputs(self, swipes: Sequence[np.ndarray], known: np.ndarray) -> dict:
        """What the network sees of swipes; there may be more rows than swipes."""
        rows = next(size for size in BATCHES if len(swipes) <= size)
        most = max(map(len, swipes))
        length = next(size for size in LENGTHS if most <= size)
        points = np.zeros((rows, length, 3), np.float32)
        points[:, :, 2] = np.linspace(0, 1, length)
        for i, swipe in enumerate(swipes):
            points[i, : len(swipe)], points[i, len(swipe) :] = swipe, swipe[-1]
        units, codes = padded_keys(self.keys, self.letters)
        sure = np.zeros(rows, np.float32)
        sure[: len(swipes)] = known
        return {
            "points": points,
            "keys": np.broadcast_to(units, (rows, *units.shape)),
            "letters": np.broadcast_to(codes, (rows, *codes.shape)),
            "known": sure,
        }

    def _words(self, text, score, count: int, near: tuple[str, str]) -> list[Guess]:
        """The words of searched paths; of none the most frequent under the best path.

        Words whose first or last key is not `near` are refused. Words that are written
        by the same keys share what the swipe says.
        """
        end = len(self.letters)
        found, unfinished = [], []
        for codes, value in zip(text, score, strict=True):
            written = "".join(self.letters[c] for c in codes if 0 <= c < end)
            if not np.isfinite(value) or end not in codes:
                unfinished.append(written)
            elif fits(written, near):
                words = self.lexicon.words[written]
                found += [
                    Guess(word, float(value + np.log(often / words[0][1])))
                    for word, often in words
                ]
        found.sort(key=lambda guess: -guess.score)
        if len(found) < count and unfinished:
            found += self._under(unfinished[0], near, {guess.word for guess in found})
        return found[:count]

    def _under(
        self, prefix: str, near: tuple[str, str], known: set[str]
    ) -> list[Guess]:
        """The most frequent words that go on as an unfinished path does."""
        keyed = [w for w in self.lexicon.under(prefix, UNDER) if fits(w, near)]
        words = [self.lexicon.words[w][0][0] for w in keyed]
        return [Guess(word, -1e3) for word in words if word not in known]

    def reach(self, swipe: np.ndarray, known: bool) -> tuple[str, str]:
        """The letters within `FAR` of a swipe's first point, and of its last one.

        At whichever of the keyboard's possible widths they lie nearest, where its own
        is not `known`.
        """
        widths = np.ones(1) if known else np.array(WIDTHS)
        keys = self.keys.units()
        found = []
        for point in (swipe[0], swipe[-1]):
            x = np.abs(point[0] / widths[:, None] - keys[:, 0]).min(0)
            away = np.hypot(x, point[1] - keys[:, 1])
            found.append("".join(np.array(self.keys.letters)[away <= FAR]))
        return found[0], found[1]

    def written(self, word: str) -> str:
        """The keys that write a word of the lexicon."""
        return typed(word, {*self.keys.letters} & {*self.letters})

    def using(self, lexicon: Lexicon) -> "Typist":
        """The same with other words."""
        return Typist(
            self.spec, self.params, self.letters, self.keys, lexicon, self.decoder
        )


def fits(written: str, near: tuple[str, str]) -> bool:
    """Whether a word begins and ends on keys that are near a swipe's ends."""
    return written[0] in near[0] and written[-1] in near[1]


@partial(jax.jit, static_argnames=("spec", "how"))
def type_words(
    spec: EncoderSpec,
    params: PyTree,
    inputs: dict,
    guide: Guide,
    how: Search,
    distances: Any = (0.0, 0.0),
) -> tuple[jax.Array, jax.Array]:
    """`(i32[b w l], f32[b w])`: letters of the best words, and their scores.

    `distances` weigh those of `ink.swipe_ways`.
    """
    from strokejax.tasks.swipes.network import SwipeNet

    net = SwipeNet(spec.out_dim, spec.architecture, spec.features, 0.0)
    bound = net.bind({"params": params})
    memory = bound.encode(inputs)
    cache = bound.begin(memory, how.width, how.limit)
    paths = search(bound.step, cache, len(memory), guide, how)
    apart = ways(
        inputs["points"][..., :2], inputs["keys"], inputs["letters"], paths.text
    )
    along, passing = distances
    far = along * apart.along + passing * apart.passing
    return paths.text, final_scores(paths, how.exponent) - far


def letters_of(stored: StoredModel) -> tuple[str, ...]:
    """The letters of a stored model's outputs; InputError where it types no words."""
    if stored.spec.architecture not in SWIPES:
        raise InputError(
            f"The model is a {stored.spec.architecture}, which types no swipes; use "
            f"one that `configs/swipe.py` trained."
        )
    return tuple(str(name) for name in stored.symbols.names[:-1])


def typist_of(
    stored: StoredModel, keys: Layout, words: Lexicon, decoder: Decoder = USUAL
) -> Typist:
    """The snapshot of a stored model on the default device."""
    params = jax.device_put(jax.tree.map(jnp.asarray, stored.encoder))
    return Typist(stored.spec, params, letters_of(stored), keys, words, decoder)
