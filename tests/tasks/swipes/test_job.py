"""The job "swipe", from its config to a model that types."""

import time
from pathlib import Path

import numpy as np
import pytest

from strokejax.config import validate
from strokejax.launch import CONFIG  # noqa: F401  the flags of a job
from strokejax.store.model import load_model
from strokejax.tasks.swipes.batches import write_swipes
from strokejax.tasks.swipes.data import Swipe, read_swipes
from strokejax.tasks.swipes.job import run, set_up
from strokejax.tasks.swipes.keyboard import open_keyboard, type_swipes
from strokejax.types import InputError

ROOT = Path(__file__).parents[3]


def small(**more):
    import runpy

    config = runpy.run_path(str(ROOT / "configs" / "swipe.py"))["get_config"]()
    given = {
        "swipe.epoch": 16,
        "swipe.valid": 4,
        "loop.batch_size": 8,
        "loop.epochs": 1,
        "loop.checkpoint_every": 2,
        **more,
    }
    for name, value in given.items():
        section, field = name.split(".")
        config[section][field] = value
    validate(config)
    return config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run that knows which letters words go on by."""
    workdir = tmp_path_factory.mktemp("swipe") / "run"
    more = {"swipe.mask": True, "optim.schedule": "plateau"}
    return workdir, run(small(**more), workdir, time.time())


def test_a_run_leaves_a_model_that_types(finished, capsys):
    workdir, line = finished
    assert line["steps"] == 2
    assert line["metrics"]["n"] == 4
    keyboard = open_keyboard(workdir, "azerty", {"to": 1.0, "the": 2.0})
    swipe = np.linspace([1, 0, 0], [5, 1, 1], 9)
    assert {g.word for g in keyboard.typist.type([swipe])[0]} <= {"to", "the"}
    again = run(
        small(**{"swipe.mask": True, "optim.schedule": "plateau"}), workdir, time.time()
    )
    assert again["steps"] == 2


def test_a_run_leaves_a_report(finished):
    """Curves of learning and of the beam, pictures of looks, what went wrong."""
    _, line = finished
    page = Path(line["report"]).read_text()
    assert page.count("<figure><img") == 4
    for text in ("The beam", "beam width", "Mistakes (", "Meant", "top1"):
        assert text in page
    assert f"{line['metrics']['mrr']:.3f}" in page


def test_another_encoder_is_trained_on_recordings(tmp_path, capsys):
    path, words = tmp_path / "mine.jsonl", {"to": 1.0, "the": 2.0, "then": 1.0}
    words |= dict.fromkeys(["tea", "hot", "not", "other", "rather", "are"], 1.0)
    write_swipes(path, "qwerty", words, 60, 0)
    listed = tmp_path / "words.txt"
    listed.write_text("".join(f"{word} {often}\n" for word, often in words.items()))
    given = {"data.name": "swipes", "data.root": str(path), "model.name": "rnn"}
    more = {"swipe.words": str(listed), "swipe.layouts": "qwerty"}
    line = run(small(**given, **more), tmp_path / "run", time.time())
    assert "recorded swipes on qwerty" in capsys.readouterr().err
    stored = load_model(line["model"])
    assert stored.about["data"] == "recorded swipes on qwerty"
    assert stored.spec.architecture == "rnn"
    keyboard = open_keyboard(line["model"], "qwerty", words)
    (swipe, *_) = [s for s in read_swipes(path) if isinstance(s, Swipe)]
    (found,) = type_swipes(keyboard, [swipe._replace(width=360.0)])
    assert {guess.word for guess in found} <= {*words}
    assert found


def test_letters_of_a_trained_model_keep_their_weights(finished):
    workdir, _ = finished
    config = small(**{"model.init": str(workdir), "swipe.layouts": "qwertz"})
    setup = set_up(config)
    old, new = load_model(workdir), setup.params["encoder"]
    letters = [*old.symbols.names[:-1]]
    assert {"ö", "ä", "ü"} <= {*setup.letters}
    for letter in letters:
        i, j = letters.index(letter), setup.letters.index(letter)
        np.testing.assert_array_equal(
            new["embed"]["embedding"][j], old.encoder["embed"]["embedding"][i]
        )
        np.testing.assert_array_equal(
            new["out"]["kernel"][:, j], old.encoder["out"]["kernel"][:, i]
        )
    np.testing.assert_array_equal(
        new["out"]["bias"][-1], old.encoder["out"]["bias"][-1]
    )


def test_what_does_not_fit_is_refused(finished):
    workdir, _ = finished
    for more, said in (
        ({"model.init": "lines-en"}, "does not type swipes"),
        ({"model.init": str(workdir), "features.name": "nearest"}, "features.name"),
        ({"data.name": "swipes"}, "data.root"),
        ({"swipe.layouts": "qwertx"}, "qwertx"),
    ):
        with pytest.raises(InputError, match=said):
            set_up(small(**more))
    with pytest.raises(InputError, match="milestones"):
        small(**{"optim.milestones": "0.9,0.3"})
