"""A verb that meets a model of another task says so in one sentence, and exits with 2.

So does a sub-command that is given an option of its neighbour.
"""

import json

import numpy as np
import pytest
from PIL import Image

from strokejax.cli import main
from strokejax.ink.formats import write_json
from strokejax.ink.packed import pack, write_packed
from strokejax.types import Ink

PURPOSE = {
    "symbols": "names single symbols",
    "lines": "reads lines of handwriting",
    "fonts": "names fonts",
    "swipes": "types words from swipes",
}
TASK = {
    "nn-sampling": "symbols",
    "argmax": "symbols",
    "lines-en": "lines",
    "lines-fr": "lines",
    "fonts": "fonts",
    "swipe": "swipes",
}
"""Every packaged model and its task."""
FITTING = {
    "symbols": "nn-sampling",
    "lines": "lines-en",
    "fonts": "fonts",
    "swipes": "swipe",
}
"""The packaged model that a verb of each task recommends."""

VERBS = {
    "recognize ink.json": ("symbols",),
    "register heart ink.json": ("symbols",),
    "live events.jsonl": ("symbols",),
    "serve --port 0": ("symbols",),
    "symbols list": ("symbols",),
    "symbols show a": ("symbols",),
    "symbols rename a b": ("symbols",),
    "symbols alias a b": ("symbols",),
    "symbols text a b": ("symbols",),
    "symbols forget a": ("symbols",),
    "symbols undo": ("symbols",),
    "symbols history": ("symbols",),
    "symbols export out.npz": ("symbols",),
    "symbols import in.npz": ("symbols",),
    "symbols upgrade": ("symbols",),
    "evaluate ink.npz": ("symbols",),
    "evaluate lines.tsv": ("lines", "symbols"),
    "evaluate labels.tsv": ("fonts",),
    "evaluate swipes.jsonl": ("swipes",),
    "lines read line.png": ("lines", "symbols"),
    "fonts identify line.png": ("fonts",),
    "fonts index folder": ("fonts",),
    "swipe type swipes.jsonl": ("swipes",),
}
"""Commands and the tasks whose models they work with."""

PAIRS = [
    (verb, model)
    for verb, tasks in VERBS.items()
    for model, task in TASK.items()
    if task not in tasks
]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A good file for every verb, in the working folder."""
    monkeypatch.chdir(tmp_path)
    stroke = np.array([[0, 0, 0], [10, 30, 0.1], [20, 0, 0.2]], np.float32)
    write_json(tmp_path / "ink.json", Ink((stroke,)))
    label = {"label": np.array(["a"]), "writer": np.array(["one"])}
    write_packed(tmp_path / "ink.npz", pack([Ink((stroke,))]), **label)
    (tmp_path / "events.jsonl").write_text('{"t": 0, "x": 1, "y": 2, "down": true}\n')
    page = np.full((40, 120), 255, np.uint8)
    page[10:30, 20:24] = 0
    Image.fromarray(page).save(tmp_path / "line.png")
    (tmp_path / "lines.tsv").write_text("line.png\tone\tl\n")
    (tmp_path / "labels.tsv").write_text("line.png\tCaladea\tRegular\n")
    curve = {"x": [50, 90, 130], "y": [40, 40, 90], "t": [0, 40, 90]}
    swipe = {"word": "at", "curve": curve}
    (tmp_path / "swipes.jsonl").write_text(json.dumps(swipe) + "\n")
    (tmp_path / "folder").mkdir()


@pytest.mark.parametrize(("verb", "model"), PAIRS)
def test_a_foreign_model_is_refused_with_its_purpose(files, capsys, verb, model):
    code = main([*verb.split(), "--model", model])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("strokejax: ") and err.count("\n") == 1, err
    assert model in err
    assert PURPOSE[TASK[model]] in err
    recommended = [f"--model {FITTING[task]}" for task in VERBS[verb]]
    assert any(each in err for each in recommended), err


OTHERS = {
    "fonts identify line.png": ("--fresh", "--system", "--count 3", "--split train"),
    "fonts index folder": ("-k 3", "--draw x.png", "--plain", "--out x"),
    "fonts make folder --out x": ("--fresh", "-k 3", "--draw x.png"),
    "lines read line.png": ("--text t.txt", "--out x", "--count 3", "--seed 1"),
    "lines make --text t.txt --out x": ("--language en", "--lexicon t.txt"),
    "swipe type swipes.jsonl": ("--out x", "--count 3", "--fit f", "--by append"),
    "swipe make --out x": ("--attention x", "--part 1/2", "--beam 3", "--block b"),
    "swipe combine table": ("--out x", "--table x", "--words en", "--keyboard given"),
    "symbols list": ("--force", "--from x"),
    "symbols undo": ("--from x",),
}
"""Sub-commands, and options that only their neighbours take."""
REFUSED = [(verb, option) for verb, options in OTHERS.items() for option in options]


@pytest.mark.parametrize(("verb", "option"), REFUSED)
def test_an_option_of_another_sub_command_is_refused(files, capsys, verb, option):
    code = main([*verb.split(), *option.split()])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("strokejax: ") and err.count("\n") == 1, err
    assert option.split()[0] in err
    assert f"strokejax {' '.join(verb.split()[:2])} --help" in err


def test_a_model_is_refused_where_none_is_used(files, capsys):
    for arguments in ("fonts --model fonts make folder --out x", "collect folder"):
        assert main([*arguments.split(), "--model", "fonts"]) == 2
        assert "does not take --model" in capsys.readouterr().err
    assert main(["fonts", "--model", "fonts", "make", "folder", "--out", "x"]) == 2
    assert "does not take --model" in capsys.readouterr().err


BEHIND = {
    "lines read": ("--language en", "line.png"),
    "fonts identify": ("-k 3", "line.png"),
    "symbols show": ("--json", "a"),
}
"""Sub-commands, an option with its value, and what is asked for."""


@pytest.mark.parametrize("verb", BEHIND)
def test_options_may_stand_before_the_files(files, capsys, verb):
    option, file = (each.split() for each in BEHIND[verb])
    found = []
    for arguments in ([*option, *file], [*file, *option]):
        assert main([*verb.split(), *arguments]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] != ""
