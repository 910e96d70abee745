"""The commands of people: strokejax VERB ... (jobs: python -m strokejax.launch)."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from strokejax import __version__
from strokejax.types import InputError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")

RECOGNIZE = """\
Name what was drawn: the nearest symbols of the model, with their distances.

files:
  .csv              timestamp,velocity_x,velocity_y: the collected format
  .json             {"strokes": [[[x, y], ...], ...]}, with t in seconds as a third
  .inkml            W3C InkML traces
  .npz, other text  packed ink; the UNIPEN format
  .png .jpg ...     a picture of one symbol, any size, dark on light or light on dark
"""

EVALUATE = """\
Score a model on labelled drawings: accuracies with a 95 % interval over writers.

data:
  FILE.npz   packed ink with an array `label` (and `writer`), or pictures x u8[n h w]
             (ink high) with labels y; whole-number labels up to 9 are digits
  FOLDER     a collected folder: one subfolder a symbol (a, uA, d0, space), CSV files
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; 0, or 2 where input was refused."""
    parser = _parser()
    options = parser.parse_args(argv)
    if not options.verb:
        parser.print_help()
        return 0
    try:
        return options.run(options)
    except InputError as error:
        print(f"strokejax: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (head, say) has gone; what is left must not be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="strokejax",
        description="Names what a hand draws. Train with: "
        "python -m strokejax.launch --config=configs/finetune.py",
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--model",
        metavar="PATH",
        help="folder of a model or a finished run, or a packaged one: nn-sampling "
        "(default), argmax",
    )
    shared.add_argument(
        "--json", action="store_true", help="print exactly one line of JSON on stdout"
    )

    def verb(name: str, text: str, run: Any) -> argparse.ArgumentParser:
        added = verbs.add_parser(
            name,
            parents=[shared],
            help=text.splitlines()[0].replace("%", "%%"),
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(run=run)
        return added

    recognize = verb("recognize", RECOGNIZE, _recognize)
    recognize.add_argument("files", nargs="+", metavar="FILE")
    recognize.add_argument(
        "-k", type=int, default=5, help="how many symbols to name (default: 5)"
    )
    evaluate = verb("evaluate", EVALUATE, _evaluate)
    evaluate.add_argument("data", metavar="FILE_OR_FOLDER")
    return parser


def _recognize(options: argparse.Namespace) -> int:
    from strokejax.recognizer import load

    model = load(options.model, fast=False)
    results: list[dict[str, Any]] = []
    for file in options.files:
        try:
            drawings = _read(file)
            answers = model.recognize_many(drawings, options.k)
        except InputError as error:
            results.append({"file": file, "error": str(error)})
            continue
        for i, answer in enumerate(answers):
            sample = {"sample": i} if len(answers) > 1 else {}
            results.append({"file": file} | sample | answer._asdict())
    if options.json:
        print(json.dumps({"results": results}, ensure_ascii=False))
    else:
        for result in results:
            _print_result(result)
    return 2 if any("error" in result for result in results) else 0


def _read(file: str) -> list[Any]:
    if file.lower().endswith(PICTURES):
        from strokejax.ink.images import read_image

        return [read_image(file)]
    from strokejax.ink.formats import read_ink

    return list(read_ink(file))


def _print_result(result: dict[str, Any]) -> None:
    if "error" in result:
        print(f"strokejax: {result['error']}", file=sys.stderr)
        return
    print(result["file"] + (f" [{result['sample']}]" if "sample" in result else ""))
    distances = result["dist2"] or [None] * len(result["symbols"])
    rows = zip(result["symbols"], distances, result["probability"], strict=True)
    for symbol, dist2, probability in rows:
        distance = "" if dist2 is None else f"  dist2 {dist2:.3f}"
        print(f"  {symbol:<8}{100 * probability:5.1f} %{distance}")


def _evaluate(options: argparse.Namespace) -> int:
    from strokejax.data.labelled import load_labelled
    from strokejax.recognizer import load
    from strokejax.scores import summary

    model = load(options.model)
    dataset = load_labelled(options.data, model.draw, **model.spec.raster)
    truth = [dataset.symbols[label] for label in dataset.labels]
    model.symbols.slots(set(truth), options.data)
    slot, _, _ = model.ranked(dict(dataset.inputs), 5)
    ranked = model.names(slot)
    scores = summary(ranked, truth, dataset.groups, dataset.group_kind)
    if options.json:
        print(json.dumps(scores, ensure_ascii=False))
    else:
        _print_scores(scores, dataset.group_kind)
    return 0


def _print_scores(scores: dict[str, Any], kind: str) -> None:
    low, high = scores["interval95"]
    print(f"{scores['n']:,} drawings")
    print(
        f"  top-1          {scores['top1']:.4f}  [{low:.4f}, {high:.4f}] over {kind}s"
    )
    for name in ("top3", "top5", "twins_merged"):
        print(f"  {name.replace('_', ' '):<14} {scores[name]:.4f}")
    per_class = scores["per_class"].items()
    worst = sorted(per_class, key=lambda item: item[1]["top1"])[:8]
    print("  hardest        " + ", ".join(f"{n} {s['top1']:.2f}" for n, s in worst))
    print(
        f"  worst {kind}s  ".ljust(17)
        + ", ".join(f"{w['group']} {w['top1']:.2f}" for w in scores["worst_writers"])
    )


if __name__ == "__main__":
    sys.exit(main())
