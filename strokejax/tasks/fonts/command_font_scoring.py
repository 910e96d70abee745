"""How good an index is on labels.tsv: accuracies of families, and what it refuses."""

import argparse
import sys
from pathlib import Path
from typing import Any

from strokejax.types import InputError


def font_scores(given: argparse.Namespace) -> dict[str, Any]:
    """Scores of all tables' pictures; what cannot be used is told and left out."""
    from strokejax.pictures.images import read_picture
    from strokejax.tasks.fonts.answers import load_finder
    from strokejax.tasks.fonts.make import FIELDS
    from strokejax.tasks.fonts.scores import scores
    from strokejax.tasks.lines.data import read_tsv
    from strokejax.train.logging import progress

    finder = load_finder(given.model)
    rows = [
        (f"{path}, line {number}", path.parent / file, family)
        for path in map(Path, given.data)
        for number, (file, family, _) in enumerate(read_tsv(path, FIELDS), 1)
    ]
    z, families, failed = [], [], 0
    for where, file, family in progress(iter(rows), len(rows), "pictures"):
        try:
            found = finder.identify(read_picture(file), 1, f"{where}: {file.name}")
        except InputError as error:
            failed += 1
            print(f"strokejax: {where}: {error}", file=sys.stderr)
            continue
        z.append(found.z)
        families.append(family)
    if not z:
        raise InputError(f"None of {failed:,} pictures can be used; see above.")
    return scores(finder, z, families) | {"failed": failed}


def show(found: dict[str, Any]) -> None:
    """The scores for people."""
    print(f"{found['n']:,} pictures of fonts in the index")
    if found["n"]:
        low, high = found["interval95"]
        print(f"  top-1  {found['top1']:.4f}  [{low:.4f}, {high:.4f}] over families")
        for name in ("top3", "top5", "map", "kept"):
            print(f"  {name:<6} {found[name]:.4f}")
    if found["unknown"]["n"]:
        apart = found["unknown"]
        print(f"{apart['n']:,} pictures of families that are not")
        print(f"  said to be unknown {apart['refused']:.4f}")
        if "auroc" in apart:
            print(f"  AUROC {apart['auroc']:.4f}")
