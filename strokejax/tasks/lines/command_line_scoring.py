"""How good a reader is on lines.tsv: errors of characters and words."""

import argparse
import sys
from pathlib import Path
from typing import Any

from strokejax.types import InputError


def line_scores(given: argparse.Namespace) -> dict[str, Any]:
    """Scores of all tables' lines; what cannot be read is told and left out."""
    from strokejax.pictures.images import read_image
    from strokejax.tasks.lines.data import read_tsv
    from strokejax.tasks.lines.reader_reading import guide_of, load_reader
    from strokejax.tasks.lines.scores import line_scores as scores

    reader = load_reader(given.model)
    guide = guide_of(reader, given.language, given.lexicon)
    images, texts, groups, failed = [], [], [], 0
    for path in map(Path, given.data):
        for number, (file, group, text) in enumerate(read_tsv(path), 1):
            where = f"{path}, line {number}"
            try:
                picture = read_image(path.parent / file)
                images.append(reader.prepare(picture, f"{where}: {file}"))
            except InputError as error:
                failed += 1
                print(f"strokejax: {where}: {error}", file=sys.stderr)
                continue
            texts.append(" ".join(text.split()))
            groups.append(group)
            if strange := outside(texts[-1], reader.alphabet):
                print(f"strokejax: {where}: {strange}", file=sys.stderr)
    if not images:
        raise InputError(f"None of {failed:,} lines can be read; see above.")
    read = [each.text for each in reader.read(images, guide)]
    return scores(read, texts, groups) | {"failed": failed}


def outside(text: str, alphabet: tuple[str, ...]) -> str:
    """A sentence on characters that a model cannot read, with their positions."""
    found = [(i, c) for i, c in enumerate(text, 1) if c not in alphabet]
    if not found:
        return ""
    listed = ", ".join(f"{c!r} at {i}" for i, c in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return (
        f"the model's alphabet lacks {listed}{more}; they count as errors, or train a "
        f"model on lines that have them."
    )


def show(found: dict[str, Any]) -> None:
    """The scores for people."""
    low, high = found["interval95"]
    print(f"{found['n']:,} lines")
    print(
        f"  character errors  {found['cer']:.4f}  [{low:.4f}, {high:.4f}] over groups"
    )
    print(f"  without case      {found['cer_lower_case']:.4f}")
    print(f"  word errors       {found['wer']:.4f}")
    print(f"  without an error  {found['exact']:.4f} of the lines")
