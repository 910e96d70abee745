"""What live decoding reads, and how fast: python benchmarks/live.py

Latency: events of the built-in hand, pushed one by one as a device sends them. Text
(needs STROKEJAX_DATA): characters of UNIPEN's validation writers, each word spelled in
one writer's hand, read with and without the character model.
"""

import argparse
import os
import time

import numpy as np
from pen_events import write_page
from recording import parse

import strokejax
from strokejax.data.sets.unipen import load_unipen
from strokejax.evaluation.figure import Figure, share
from strokejax.ink.synthesis.handwriting import random_writer
from strokejax.search.character_model import CharacterModel, load_words, train
from strokejax.table.knn import Answer
from strokejax.table.symbols import SPACE, STROKES, SymbolTable
from strokejax.tasks.symbols.live.spelling import WEIGHT, Spelling, advance, begin
from strokejax.tasks.symbols.live.stream import Carry, Stream

K = 10
TEXTS, WORDS = 12, 6
"""Texts a writer, and words a text."""


def latencies(mode: str, language: CharacterModel | None) -> tuple[float, ...]:
    """p50, p99, the longest and the count of milliseconds from points to hypothesis."""
    model, rng = strokejax.load(mode), np.random.default_rng(0)
    stream, carry = Stream(model.recognize), Carry()
    spelling = begin(model.symbols, language) if language else None
    took = []
    for page in range(-1, 12):
        symbols = [STROKES[i] for i in rng.integers(len(STROKES), size=8)]
        events, _ = write_page(symbols, random_writer(rng), rng)
        for event in events + np.array([100.0 * page, 0, 0, 0]):
            begun = time.perf_counter()
            carry, found = stream.push(carry, event[None])
            for hypothesis in found:
                if hypothesis.final and spelling:
                    spelling = advance(spelling, hypothesis.answer)
                    assert spelling.text
            if found and page >= 0:
                took.append(1e3 * (time.perf_counter() - begun))
    return (*np.quantile(took, [0.5, 0.99, 1.0]), len(took))


class Texts:
    """Words in the hands of writers, with the answers to each character."""

    def __init__(self, model: strokejax.Recognizer, split: str):
        dataset = load_unipen(split)
        ranked = model.ranked({"points": dataset.inputs["points"]}, K)
        columns = model.names(ranked.slot), ranked.dist2, ranked.probability
        self.symbols = model.symbols
        self.answers = [
            Answer(tuple(n), tuple(d), tuple(p), ("shape",))
            for n, d, p in zip(*(each.tolist() for each in columns), strict=True)
        ]
        self.of_writer: dict[str, dict[str, list[int]]] = {}
        symbols = np.array(dataset.symbols)[dataset.labels].tolist()
        for i, (writer, symbol) in enumerate(
            zip(dataset.groups.tolist(), symbols, strict=True)
        ):
            self.of_writer.setdefault(writer, {}).setdefault(symbol, []).append(i)

    def drawn(self, words: dict[str, float], seed: int):
        """(writer, text, answers): words by frequency, some of them capitalised."""
        rng = np.random.default_rng(seed)
        names, weight = list(words), np.array(list(words.values()))
        weight = weight / weight.sum()
        blank = Answer((SPACE,), (0.0,), (1.0,), ("shape",))
        for writer, own in self.of_writer.items():
            for _ in range(TEXTS):
                text, answers = [], []
                for word in rng.choice(names, WORDS, p=weight).tolist():
                    kind = rng.random()
                    word = word.capitalize() if kind < 0.1 else word
                    word = str(rng.integers(10_000)) if kind > 0.95 else word
                    if not set(word) <= own.keys():
                        continue
                    text.append(word)
                    answers += [self.answers[rng.choice(own[c])] for c in word]
                    answers.append(blank)
                if text:
                    yield writer, " ".join(text) + " ", answers


def read(symbols: SymbolTable, answers: list[Answer], spelling: Spelling | None) -> str:
    """The text of the answers; without a language that of the first of each."""
    if spelling is None:
        return "".join(symbols.text(answer.symbols[0]) for answer in answers)
    for answer in answers:
        spelling = advance(spelling, answer)
    return spelling.text


def accuracy(
    texts: Texts,
    words: dict[str, float],
    language: CharacterModel | None,
    weight: float = WEIGHT,
    seed: int = 0,
) -> Figure:
    """Share of characters right, spaces left out, with its interval over writers."""
    right, writers = [], []
    empty = begin(texts.symbols, language, weight=weight) if language else None
    for writer, text, answers in texts.drawn(words, seed):
        got = read(texts.symbols, answers, empty)
        pairs = [(a, b) for a, b in zip(got, text, strict=True) if b != " "]
        right += [a == b for a, b in pairs]
        writers += [writer] * len(pairs)
    return share("", right, writers, "")


def as_text(figure: Figure) -> str:
    low, high = figure.interval95 or (np.nan, np.nan)
    return f"{figure.value:.4f} [{low:.4f}, {high:.4f}]  n {figure.n:,}"


def main() -> None:
    """Prints milliseconds and accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", action="store_true", help="weights, train writers")
    options, record = parse(parser)
    words = load_words("en")
    language = train(words)
    print("points in to hypothesis out          p50      p99      max   answers")
    for mode in ("nn-sampling", "argmax"):
        for name, with_language in (("", None), (", --language en", language)):
            *took, n = latencies(mode, with_language)
            p50, p99, longest = took
            print(
                f"  {mode + name:<30}{p50:6.2f} ms{p99:6.2f} ms{longest:6.2f} ms{n:7}",
                flush=True,
            )
            title = f"{mode + name}, points in to hypothesis out"
            record(
                Figure(f"{title}, {part}", ms, n=int(n), unit="ms")
                for part, ms in zip(("p50", "p99", "longest"), took, strict=True)
            )
    if not os.environ.get("STROKEJAX_DATA"):
        return
    # Words of odd rank, read with a model that knows those of even rank alone.
    odd = dict(list(words.items())[1::2])
    even = train(dict(list(words.items())[::2]))
    if options.tune:
        texts = Texts(strokejax.load(), "train")
        for weight in (0.3, 0.45, 0.6, 0.8, 1.0):
            known = as_text(accuracy(texts, words, language, weight, seed=1))
            new = as_text(accuracy(texts, odd, even, weight, seed=1))
            print(f"  weight {weight}: known {known}; new {new}", flush=True)
    for mode in ("nn-sampling", "argmax"):
        texts = Texts(strokejax.load(mode), "validation")
        print(f"UNIPEN characters spelling words, validation writers, {mode}")
        for shown, name, part, guide in (
            ("alone", "words alone", words, None),
            ("with the words' model", "words with their model", words, language),
            ("unknown words alone", "unknown words alone", odd, None),
            ("with the others' model", "unknown words with a model", odd, even),
        ):
            figure = accuracy(texts, part, guide)
            print(f"  {shown:<25}{as_text(figure)}", flush=True)
            record([figure._replace(name=f"{mode}, {name}")])


if __name__ == "__main__":
    main()
