"""Readers of lines on people who were never seen: python benchmarks/lines.py

    --only generator   lines written a second
    --only windows     the lab's CNN: single characters, and windows without overlap
    --only written     UNIPEN characters of held-out writers as lines of prose
    --only text        UNIPEN's own lines of held-out writers
    --only wills       CREMMA's lines of held-out wills (French)
    --only peer        100 lines against PyTorch and prefix search in Python (`parity`)
    --tune             weights of language and lexicon, on half of the held-out writers

Needs STROKEJAX_DATA but for `generator`. Figures are of the other half of the writers
where a weight was chosen: of those whose hash is even.
"""

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from recording import parse

from strokejax.data.texts import read_texts
from strokejax.evaluation.figure import Figure
from strokejax.search.character_model import load_words, train
from strokejax.search.language import (
    LanguageModel,
    no_language,
    with_characters,
    with_words,
)
from strokejax.tasks.lines.data import (
    Line,
    LineSet,
    cremma_lines,
    unipen_lines,
    written_lines,
)
from strokejax.tasks.lines.decode import BEAM_WIDTH, CANDIDATES, search
from strokejax.tasks.lines.emnist_lines import pictures_of, published_lines
from strokejax.tasks.lines.glyphs import built_in_glyphs, unipen_glyphs
from strokejax.tasks.lines.reader import (
    CHARACTER_BONUS,
    CHARACTER_WEIGHT,
    LEXICON_BONUS,
    LEXICON_WEIGHT,
    LineReader,
    language_from_words,
    load_reader,
)
from strokejax.tasks.lines.scores import line_scores

HERE = Path(__file__).parent
PROSE = HERE / "prose_en.txt"
PARTS = ("generator", "windows", "written", "text", "wills", "peer")
COUNT = 600
"""Written lines that are read."""


def odd(name: str) -> bool:
    return bool(sha256(name.encode()).digest()[0] & 1)


def taken(lines: LineSet, count: int, tuning: bool | None = None) -> list[Line]:
    """So many lines of a set; of one half of its groups where `tuning` says which."""
    found, i = [], 0
    most = lines.count or 10**9
    while len(found) < count and i < most:
        line = lines.line(i, False)
        if line and line.text and (tuning is None or odd(line.group) == tuning):
            found.append(line)
        i += 1
    return found


def scored(
    reader: LineReader, lines: Sequence[Line], guide: LanguageModel | str | None
) -> dict:
    images = [reader.prepare(line.picture) for line in lines]
    if guide == "greedy":
        read = reader.read_greedily(images)
    else:
        read = [each.text for each in reader.read(images, guide)]
    truth = [line.text for line in lines]
    return line_scores(read, truth, [line.group for line in lines])


def row(name: str, found: dict) -> None:
    low, high = found["interval95"]
    print(
        f"| {name} | {found['n']:,} | {found['cer']:.4f} [{low:.4f}, {high:.4f}] | "
        f"{found['cer_lower_case']:.4f} | {found['wer']:.4f} |",
        flush=True,
    )


def table(
    name: str, reader: LineReader, ways: dict, lines: Sequence[Line]
) -> list[Figure]:
    """Prints a row a language model; the interval is that of the CER."""
    heading(name)
    figures = []
    for how, guide in ways.items():
        scores = scored(reader, lines, guide)
        row(how, scores)
        title, n = f"{name}, {how}", scores["n"]
        figures += [
            Figure(f"{title}, CER", scores["cer"], scores["interval95"], n),
            Figure(f"{title}, CER without case", scores["cer_lower_case"], n=n),
            Figure(f"{title}, WER", scores["wer"], n=n),
        ]
    return figures


def heading(name: str) -> None:
    print(f"\n| {name} | lines | CER [95 %] | without case | WER |")
    print("|---|--:|--:|--:|--:|", flush=True)


def guides(words: dict[str, float], alphabet) -> dict[str, LanguageModel | str | None]:
    blank, model = no_language(len(alphabet)), train(words)
    characters = with_characters(
        blank, model, alphabet, CHARACTER_WEIGHT, CHARACTER_BONUS
    )
    alone = with_words(blank, words, alphabet, LEXICON_WEIGHT)
    return {
        "greedy": "greedy",
        "prefix search": None,
        "characters of the language": characters,
        "characters and words (--language)": language_from_words(words, alphabet),
        "words alone (--lexicon)": alone._replace(
            log_p=blank.log_p + np.float32(LEXICON_BONUS), weight=np.float32(1)
        ),
    }


def prose(seed: int) -> LineSet:
    return written_lines(unipen_glyphs("validation"), read_texts(PROSE), seed=seed)


def english(given: argparse.Namespace, name: str, lines: list[Line]) -> list[Figure]:
    reader = load_reader(given.model)
    ways = guides(load_words("en"), reader.alphabet)
    return table(f"{name}, {given.model or 'lines-en'}", reader, ways, lines)


def written(given: argparse.Namespace) -> list[Figure]:
    lines = taken(prose(3), given.count, tuning=False)
    return english(given, "UNIPEN characters, overlap 0 to 0.33, prose", lines)


def text(given: argparse.Namespace) -> list[Figure]:
    lines = taken(unipen_lines("validation"), 10**9, False)
    return english(given, "UNIPEN text", lines)


def wills(given: argparse.Namespace) -> list[Figure]:
    """The language is that of the training lines' words."""
    known = cremma_lines("train")
    words: dict[str, float] = {}
    for i in range(known.count):
        for word in known.line(i, False).text.split():
            words[word] = words.get(word, 0) + 1
    reader = load_reader(given.french)
    lines = taken(cremma_lines("validation"), 10**9)
    ways = guides(words, reader.alphabet)
    return table(f"CREMMA, {given.french}", reader, ways, lines)


def tune(given: argparse.Namespace) -> None:
    """Weights on the half of the writers that no figure is of."""
    reader = load_reader(given.model)
    alphabet, words = reader.alphabet, load_words("en")
    written = taken(prose(4), given.count // 2, tuning=True)
    real = taken(unipen_lines("validation"), 10**9, tuning=True)
    seen = [(each, [*evidence(reader, each)]) for each in (written, real)]
    guide = language_from_words(words, alphabet)
    log_p, never = guide.log_p - np.float32(CHARACTER_BONUS), np.float32(-np.inf)
    print("weight, bonus, of words, unknown: CER of written lines, of UNIPEN's")
    for weight, bonus in itertools.product((0.4, 0.55, 0.7), (0, 2, 3, 3.5, 4)):
        for own, unknown in ((0, -14), (0.15, -11), (0.15, -14), (0.3, -14)):
            said = (weight, bonus, own, unknown)
            changed = guide._replace(
                log_p=log_p + np.float32(bonus),
                weight=np.float32(weight),
                word_weight=np.float32(own),
                unknown=np.float32(unknown),
            )
            print(*said, *(f"{errors(alphabet, *x, changed):.4f}" for x in seen))
    print("words alone: weight, bonus")
    for own, bonus in itertools.product((0.1, 0.3, 0.5), (0, 0.5, 1)):
        changed = guide._replace(
            log_p=np.full_like(log_p, bonus),
            weight=np.float32(1),
            word_weight=np.float32(own),
            unknown=never,
        )
        print(own, bonus, *(f"{errors(alphabet, *x, changed):.4f}" for x in seen))


def evidence(reader: LineReader, lines: list[Line]):
    """Rows, log probabilities and steps, batch by batch, to search again and again."""
    images = [reader.prepare(line.picture) for line in lines]
    for rows, log_p in reader.batches(images):
        yield rows, np.asarray(log_p), reader.steps(images, rows, len(log_p))


def errors(alphabet, lines: list[Line], batches, guide: LanguageModel) -> float:
    read = [""] * len(lines)
    for rows, log_p, steps in batches:
        found = search(log_p, steps, alphabet, guide, [float] * len(rows))
        for i, reading in zip(rows, found, strict=True):
            read[i] = reading.text
    truth = [line.text for line in lines]
    return line_scores(read, truth, [line.group for line in lines])["cer"]


def generator(given: argparse.Namespace) -> list[Figure]:
    texts, figures = read_texts(PROSE), []
    glyphs = built_in_glyphs("train", 40, 3)
    for name, lines in (
        ("written in a hand", written_lines(glyphs, texts)),
        ("as published", published_lines(glyphs, texts)),
    ):
        lines.line(0, True)
        seconds = []
        for part in range(5):
            start = time.perf_counter()
            for i in range(100):
                lines.line(100 * part + i, True)
            seconds.append(time.perf_counter() - start)
        rate = float(100 / np.median(seconds))
        print(f"{name}: {rate:,.0f} lines a second")
        figures.append(Figure(name, rate, n=len(seconds), unit="lines a second"))
    return figures


def windows(given: argparse.Namespace) -> list[Figure]:
    """`--lab` is a run of line_cnn_simple on single characters."""
    reader = load_reader(given.lab)
    source = unipen_glyphs("validation")
    single = published_lines(source, [], length=1)
    lines = published_lines(source, read_texts(PROSE), overlap=(0, 0))
    known = {*pictures_of(source)}
    seen: dict[str, Counter] = {}
    figures = []
    for name, each, count in (("windows", lines, 400), ("single", single, 8_000)):
        right, seen[name] = Counter(), Counter()
        for line in taken(each, count):
            image = {"image": line.picture[None]}
            best = reader.logits(image)[0].argmax(-1)
            for code, character in zip(best, line.text, strict=False):
                if character in known:
                    right[character] += reader.outputs[code] == character
                    seen[name][character] += 1
        # Single characters count as often as lines have them.
        share = {c: k / seen["windows"].total() for c, k in seen["windows"].items()}
        rate = {c: right[c] / seen[name][c] for c in share}
        mean = sum(share[c] * rate[c] for c in share)
        spread = (
            share[c] ** 2 * rate[c] * (1 - rate[c]) / seen[name][c] for c in share
        )
        error = 1.96 * np.sqrt(sum(spread))
        n = seen[name].total()
        print(f"{name}: {mean:.4f} +- {error:.4f} of {n:,} characters")
        interval = mean - error, mean + error
        figures.append(Figure(f"{name}, characters right", mean, interval, n))
    return figures


def peer(given: argparse.Namespace) -> list[Figure]:
    """Median of alternating runs; both read the same 100 lines with one beam."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    import torch
    from parity import torch_lines
    from timing import alternate

    reader = load_reader(given.model)
    lines = [reader.prepare(line.picture) for line in taken(prose(5), 100)]
    net = torch_lines.LineNet(reader.spec.out_dim)
    torch_lines.load(net, reader.params, reader.model_state)
    read: dict[str, list[str]] = {}

    def ours() -> None:
        read["ours"] = [each.text for each in reader.read(lines)]

    def theirs() -> None:
        said = []
        for line in lines:
            wide = -(-line.pixels.shape[1] // 4) * 4
            pixels = np.pad(line.pixels, ((0, 0), (0, wide - line.pixels.shape[1])))
            with torch.no_grad():
                image = torch.from_numpy(pixels[None, None].astype(np.float32) / 255)
                log_p = net(image).log_softmax(-1)[0].numpy()
            best, _ = torch_lines.prefix_search(log_p, BEAM_WIDTH, CANDIDATES)
            said.append("".join(reader.alphabet[code] for code in best))
        read["theirs"] = said

    rounds = 3
    times = alternate({"ours": ours, "theirs": theirs}, rounds=rounds)
    same = float(np.mean([a == b for a, b in zip(*read.values(), strict=True)]))
    ratio = times["theirs"] / times["ours"]
    print(
        f"100 lines: {times['ours'] / 1e3:.2f} s, PyTorch and Python "
        f"{times['theirs'] / 1e3:.2f} s, {ratio:.1f} times "
        f"as long; {same:.0%} of the texts are the same"
    )
    return [
        Figure("100 lines", times["ours"] / 1e3, n=rounds, unit="s"),
        Figure("100 lines, PyTorch", times["theirs"] / 1e3, n=rounds, unit="s"),
        Figure("100 lines, PyTorch over ours", ratio, n=rounds, unit="times"),
        Figure("100 lines, texts that are the same", same, n=100),
    ]


def main() -> None:
    """Prints the parts that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--model", help="a reader of English (lines-en)")
    parser.add_argument("--french", default="lines-fr", help="a reader of French")
    parser.add_argument("--lab", help="a run of line_cnn_simple on single characters")
    parser.add_argument("--count", type=int, default=COUNT)
    given, record = parse(parser)
    if given.tune:
        tune(given)
        return
    for part in given.only or PARTS:
        record(globals()[part](given))


if __name__ == "__main__":
    main()
