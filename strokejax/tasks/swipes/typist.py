"""Types words from swipes: an immutable snapshot of a model, a layout and a lexicon."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from strokejax.evaluation.text import edit_distance
from strokejax.networks.spec import EncoderSpec
from strokejax.search.language import LanguageModel, no_language
from strokejax.store.model import StoredModel
from strokejax.tasks.swipes.batches import padded_keys
from strokejax.tasks.swipes.decode import (
    DEFAULT_DECODER,
    Decoder,
    Lexicon,
    Search,
    final_scores,
    search,
)
from strokejax.tasks.swipes.features import WIDTH_FACTORS, path_distances
from strokejax.tasks.swipes.layouts import Layout, typed
from strokejax.tasks.swipes.settings import TASK
from strokejax.types import InputError, PyTree

BATCH_SIZES = (1, 4, 16, 64, 256)
POINT_COUNTS = (64, 256, 1024, 4096, 16384)
"""Padded numbers of swipes and of points: few shapes, so few compilations."""
MAX_PAIRS = 2**18
"""Pairs of hypotheses of all swipes searched together; limits a search's memory."""
MAX_END_DISTANCE = 2.5
"""Key widths from an end of a swipe to its key; words farther off are refused."""
MAX_COMPLETIONS = 32
"""Candidates that complete an unfinished hypothesis."""


class Guess(NamedTuple):
    """A word that a swipe may mean."""

    word: str
    score: float
    """Network evidence, word frequency and path distances, on a logarithmic scale."""


@dataclass(frozen=True)
class Typist:
    """Types with one model on one layout; immutable, so threads may share it."""

    spec: EncoderSpec
    params: PyTree
    letters: tuple[str, ...]
    """Letters of the network's outputs; the last output is the end of a word."""
    keys: Layout
    lexicon: Lexicon
    decoder: Decoder = DEFAULT_DECODER

    def type(
        self,
        swipes: Sequence[np.ndarray],
        *,
        known: Sequence[bool] | None = None,
        count: int = 4,
    ) -> list[list[Guess]]:
        """Up to `count` words for each swipe, best first; none if none fits its ends.

        Swipes are f[n 3]: x and y in key units (`Layout.to_units`), t in seconds.
        `known` says whether a keyboard has its layout's width; by default none has.
        """
        guesses: list[list[Guess]] = []
        is_known = np.zeros(len(swipes), bool) if known is None else np.asarray(known)
        # Attention compares every hypothesis with the letters of all others.
        pairs = self.decoder.search.width**2
        batch_size = max(n for n in BATCH_SIZES if n == 1 or n * pairs <= MAX_PAIRS)
        for start in range(0, len(swipes), batch_size):
            part = swipes[start : start + batch_size]
            inputs = self.inputs(part, is_known[start : start + len(part)])
            text, score = self.searched(inputs)
            if self.decoder.weights.edits:
                score = score - self.decoder.weights.edits * self._edits(inputs, text)
            for i, swipe in enumerate(part):
                near = self.end_letters(swipe, is_known[start + i])
                guesses.append(self._guesses(text[i], score[i], count, near))
        return guesses

    def inputs(self, swipes: Sequence[np.ndarray], known: np.ndarray) -> dict:
        """The network's inputs for swipes, padded to more rows and points."""
        rows = next(size for size in BATCH_SIZES if len(swipes) <= size)
        longest = max(map(len, swipes))
        length = next(count for count in POINT_COUNTS if longest <= count)
        points = np.zeros((rows, length, 3), np.float32)
        # Rows without a swipe hold a rest of one second.
        points[:, :, 2] = np.linspace(0, 1, length)
        for i, swipe in enumerate(swipes):
            points[i, : len(swipe)], points[i, len(swipe) :] = swipe, swipe[-1]
        units, codes = padded_keys(self.keys, self.letters)
        padded_known = np.zeros(rows, np.float32)
        padded_known[: len(swipes)] = known
        return {
            "points": points,
            "keys": np.broadcast_to(units, (rows, *units.shape)),
            "letters": np.broadcast_to(codes, (rows, *codes.shape)),
            "known": padded_known,
        }

    def searched(self, inputs: dict) -> tuple[np.ndarray, np.ndarray]:
        """`(i32[b w l], f32[b w])`: letters and scores of the best hypotheses."""
        search, weights = self.decoder
        distance_weights = weights.location_weight, weights.dtw_weight
        language = self.lexicon.language
        return jax.device_get(
            type_words(
                self.spec, self.params, inputs, language, search, distance_weights
            )
        )

    def _edits(self, inputs: dict, text: np.ndarray) -> np.ndarray:
        """f32[b w]: edit distances of words to the greedy text without a lexicon."""
        greedy = self.decoder.search._replace(width=1)
        free = no_language(len(self.letters) + 1)
        read, _ = jax.device_get(
            type_words(self.spec, self.params, inputs, free, greedy)
        )

        def without_end(codes):
            return [c for c in codes if 0 <= c < len(self.letters)]

        return np.array(
            [
                [edit_distance(without_end(word), without_end(best)) for word in words]
                for words, (best,) in zip(text, read, strict=True)
            ],
            np.float32,
        )

    def _guesses(self, text, score, count: int, near: tuple[str, str]) -> list[Guess]:
        """The words of hypotheses `text` i32[w l], `score` f32[w].

        Words that do not begin and end `near` are refused. Words with the same keys
        share the evidence and differ by their frequencies. Where words are missing, the
        best unfinished hypothesis is completed.
        """
        end = len(self.letters)
        guesses, unfinished = [], []
        for codes, value in zip(text, score, strict=True):
            written = "".join(self.letters[c] for c in codes if 0 <= c < end)
            if not np.isfinite(value) or end not in codes:
                unfinished.append(written)
            elif fits(written, near):
                # The most frequent word has the score of the keys; the others lose
                # the logarithm of how much rarer they are.
                words = self.lexicon.words[written]
                guesses += [
                    Guess(word, float(value + np.log(frequency / words[0][1])))
                    for word, frequency in words
                ]
        guesses.sort(key=lambda guess: -guess.score)
        if len(guesses) < count and unfinished:
            listed = {guess.word for guess in guesses}
            guesses += self._completions(unfinished[0], near, listed)
        return guesses[:count]

    def _completions(
        self, prefix: str, near: tuple[str, str], listed: set[str]
    ) -> list[Guess]:
        """The most frequent words with a prefix that fit and are not `listed`."""
        candidates = self.lexicon.completions(prefix, MAX_COMPLETIONS)
        words = [self.lexicon.words[k][0][0] for k in candidates if fits(k, near)]
        # Behind all words that the search has scored.
        return [Guess(word, -1e3) for word in words if word not in listed]

    def end_letters(self, swipe: np.ndarray, known: bool) -> tuple[str, str]:
        """The letters within `MAX_END_DISTANCE` of a swipe's first and last point.

        For a keyboard of unknown width, that is the least distance over its possible
        widths.
        """
        widths = np.ones(1) if known else np.array(WIDTH_FACTORS)
        keys = self.keys.units()
        letters = []
        for point in (swipe[0], swipe[-1]):
            x = np.abs(point[0] / widths[:, None] - keys[:, 0]).min(0)
            distance = np.hypot(x, point[1] - keys[:, 1])
            near = distance <= MAX_END_DISTANCE
            letters.append("".join(np.array(self.keys.letters)[near]))
        return letters[0], letters[1]

    def written(self, word: str) -> str:
        """The keys that write a word of the lexicon."""
        return typed(word, {*self.keys.letters} & {*self.letters})

    def using(self, lexicon: Lexicon) -> "Typist":
        """The same typist with another lexicon."""
        return replace(self, lexicon=lexicon)


def fits(written: str, near: tuple[str, str]) -> bool:
    """Whether a word begins and ends on keys that are near the ends of a swipe."""
    return written[0] in near[0] and written[-1] in near[1]


@partial(jax.jit, static_argnames=("spec", "settings"))
def type_words(
    spec: EncoderSpec,
    params: PyTree,
    inputs: dict,
    language: LanguageModel,
    settings: Search,
    distance_weights: Any = (0.0, 0.0),
) -> tuple[jax.Array, jax.Array]:
    """`(i32[b w l], f32[b w])`: letters of the best words, and their scores.

    `distance_weights` are those of `PathDistances.location` and `.dtw`.
    """
    # Imported when traced, so that importing this module needs no flax.
    from strokejax.tasks.swipes.network import SwipeNet

    net = SwipeNet(spec.out_dim, spec.architecture, spec.features, 0.0)
    bound = net.bind({"params": params})
    memory = bound.encode(inputs)
    cache = bound.init_cache(memory, settings.width, settings.limit)
    hypotheses = search(bound.step, cache, len(memory), language, settings)
    distances = path_distances(
        inputs["points"][..., :2], inputs["keys"], inputs["letters"], hypotheses.text
    )
    location_weight, dtw_weight = distance_weights
    penalty = location_weight * distances.location + dtw_weight * distances.dtw
    return hypotheses.text, final_scores(hypotheses, settings.exponent) - penalty


def letters_of(stored: StoredModel) -> tuple[str, ...]:
    """The letters of a stored model's outputs; InputError if it does not type."""
    if stored.spec.architecture not in TASK.architectures:
        raise InputError(
            f"The model is a {stored.spec.architecture}, which does not type swipes; "
            f"use --model swipe, or a model that configs/swipe.py trained."
        )
    return tuple(str(name) for name in stored.symbols.names[:-1])


def typist_of(
    stored: StoredModel,
    keys: Layout,
    words: Lexicon,
    decoder: Decoder = DEFAULT_DECODER,
) -> Typist:
    """The typist of a stored model, with its parameters on the default device."""
    params = jax.device_put(jax.tree.map(jnp.asarray, stored.encoder))
    return Typist(stored.spec, params, letters_of(stored), keys, words, decoder)
