"""strokejax evaluate: how good a model is on labelled files, by the task of these."""

import argparse
import json
from pathlib import Path

from strokejax.arguments import Verb
from strokejax.tasks import ALL, check_model, task_for_file
from strokejax.types import InputError

TEXT = """\
Score a model on labelled data: accuracies with a 95 % interval over writers.

data:
  FILE.npz   packed ink with an array `label` (and `writer`), or pictures x u8[n h w]
             (ink high) with labels y; whole-number labels up to 9 are digits
  FOLDER     a collected folder: one subfolder a symbol (a, uA, d0, space), CSV files
  lines.tsv  pictures of lines: file, group (writer), text, with tabs between; `lines
             make` writes such a folder
  labels.tsv pictures of text: file, family, style; `fonts make` writes such a folder
  FILE.jsonl swipes over a keyboard with their words; `swipe make` writes such a file
  FILE.zip   Lake's 20 one-shot runs of Omniglot (all_runs.zip)

With --shots or --open-set the model learns, or forgets, first, and labels need not be
known to it; shots and drawings to be named come from different writers:
  --shots 1,5,10 --ways 20           episodes of 20 classes, answered by nearest mean
  --shots 10 --on-top                new symbols registered beside the model's own
  --shots 5 --within writer          a writer's own drawings registered for that writer
  --open-set 10                      drawings of 10 symbols that are taken out
"""


def options(parser: argparse.ArgumentParser) -> None:
    """What all labelled files take, and in a group each what those of a task take."""
    parser.add_argument("data", nargs="+", metavar="FILE_OR_FOLDER")
    for task in ALL:
        group = parser.add_argument_group(f"data of the task {task.name}")
        task.part(task.scoring).evaluate_options(group)
        for action in group._group_actions:
            # Of other tasks' data they are refused, so it must show who set them.
            action.default = argparse.SUPPRESS


def run(args: argparse.Namespace) -> int:
    """Prints the scores."""
    task = task_for_file(args.data[0])
    for path in args.data[1:]:
        if task_for_file(path) is not task:
            raise InputError(
                f"{args.data[0]} and {path} are data of different tasks; score them "
                f"one after the other."
            )
    check_model(args.model, (task.name, *task.accepts), "strokejax evaluate")
    module = task.part(task.scoring)
    _complete(args, module, Path(args.data[0]).name)
    scores = module.evaluate(args)
    if args.json:
        print(json.dumps(scores, ensure_ascii=False))
    else:
        module.show_scores(scores)
    return 2 if scores.get("failed") else 0


def _complete(args: argparse.Namespace, module, name: str) -> None:
    """Adds the defaults of a task's options; InputError for those of another task."""
    parser = argparse.ArgumentParser()
    module.evaluate_options(parser)
    defaults = vars(parser.parse_args([]))
    common = {"data", "model", "json", "run", "task", "parser", "verb", "takes_model"}
    for option in vars(args).keys() - defaults.keys() - common:
        args.parser.error(
            f"--{option.replace('_', '-')} is not for data like {name}, leave it out"
        )
    for option, value in defaults.items():
        if option not in args:
            setattr(args, option, value)


VERB = Verb("evaluate", TEXT, options, run)
