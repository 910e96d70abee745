"""A fifth task is one folder and one name in `tasks.ALL`; all else follows from it.

And laws of `tasks` that hold for any tasks: each model, config and file has one.
"""

import importlib
import json
import re
import shutil
import string
import time
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from strokejax import cli, config, tasks
from strokejax.config import default_config, unknown_field, validate
from strokejax.networks.spec import EncoderSpec
from strokejax.serve.app import create_app
from strokejax.serve.guard import Limits
from strokejax.settings import SHARED
from strokejax.store.content import read_spec
from strokejax.store.model import load_model
from strokejax.store.paths import PACKAGED
from strokejax.tasks import evaluate
from strokejax.types import InputError
from tests.support.fifth.data import BENDS, HELD_OUT, synthetic_batch
from tests.support.fifth.settings import TASK as FIFTH

FOUR, FIVE = tasks.ALL, (*tasks.ALL, FIFTH)


def reload():
    """Computes anew what is computed of `tasks.ALL` at import."""
    for module in (config, evaluate, cli):
        importlib.reload(module)


@pytest.fixture(scope="module", autouse=True)
def five():
    """The name in `ALL`."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tasks, "ALL", FIVE)
        reload()
        yield
    reload()


def bends(**values):
    """A config of the fifth task's job: two steps."""
    chosen = default_config()
    chosen.update_from_flattened_dict(
        {
            "job": "bends",
            "mode": "argmax",
            "data.name": "synthetic_bends",
            "model.name": "bend_net",
            "model.init": "none",
            "loop.batch_size": 8,
            "loop.steps": 2,
            **values,
        }
    )
    return chosen


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a finished run, and its last line."""
    workdir, settings = tmp_path_factory.mktemp("bends") / "run", bends()
    validate(settings)
    job = tasks.task_of_config(settings).part("job")
    return workdir, job.run(settings, workdir, time.time())


@pytest.fixture
def curves(tmp_path, monkeypatch):
    """A file of curves, beside files of other tasks, in the working folder."""
    monkeypatch.chdir(tmp_path)
    batch = synthetic_batch(7, HELD_OUT, 0, 6, 0.0)
    rows = [
        {"points": points, "bend": BENDS[label]}
        for points, label in zip(
            batch.inputs["points"].tolist(), batch.labels, strict=True
        )
    ]
    Path("curves.fifth").write_text("".join(json.dumps(row) + "\n" for row in rows))
    curve = {"x": [50, 90, 130], "y": [40, 40, 90], "t": [0, 40, 90]}
    Path("swipes.jsonl").write_text(json.dumps({"word": "at", "curve": curve}) + "\n")
    stroke = [[0, 0, 0], [10, 30, 0.1], [20, 0, 0.2]]
    Path("ink.json").write_text(json.dumps({"strokes": [stroke]}))
    return rows


@pytest.fixture
def said(capsys):
    """Runs a command; its exit code, and what it printed on stdout and stderr."""

    def run(*arguments):
        capsys.readouterr()
        return (cli.main([*map(str, arguments)]), *capsys.readouterr())

    return run


def refusal(found):
    """The one sentence on stderr of a command that was refused."""
    code, out, err = found
    assert (code, out) == (2, "")
    assert err.startswith("strokejax: ") and err.count("\n") == 1, err
    return err


# Its settings


def test_validate_knows_its_job_and_its_field():
    assert default_config().fifth.noise == 0.05
    validate(bends())
    validate(bends(**{"fifth.noise": 1.0}))
    for values, words in (
        ({"fifth.noise": 2.0}, "config.fifth.noise is 2.0; it must lie in 0 to 1."),
        ({"job": "bendz"}, "did you mean 'bends'?"),
        ({"model.init": "packaged"}, "the job 'bends' begins with random weights"),
        ({"data.name": "unipen"}, "choose one of 'synthetic_bends'."),
        ({"model.name": "fused"}, "choose one of 'bend_net'."),
    ):
        with pytest.raises(InputError) as error:
            validate(bends(**values))
        assert words in str(error.value)
    assert unknown_field("fifth.noize").endswith("did you mean config.fifth.noise?")
    assert "fifth.noise 0.05 0 to 1" in config.reference("{name} {default} {legal}")


def test_other_jobs_have_no_use_for_its_data_and_network():
    validate(default_config())
    for name, value in (("data.name", "synthetic_bends"), ("model.name", "bend_net")):
        chosen = default_config()
        chosen.update_from_flattened_dict({name: value})
        with pytest.raises(InputError, match=f"'{value}', which the job 'finetune'"):
            validate(chosen)


# Its job


def test_its_job_trains_reports_and_exports(trained):
    workdir, line = trained
    assert (line["job"], line["steps"]) == ("bends", 2)
    assert line["metrics"]["n"] == 32
    page = Path(line["report"]).read_text()
    for text in ("Top-1", "Loss over steps", "fifth.noise", "synthetic_bends"):
        assert text in page
    stored = load_model(workdir)
    assert stored.symbols.names == BENDS
    assert stored.about["job"] == "bends"
    assert stored.about["metrics"]["top1"] == line["metrics"]["top1"]


def test_its_job_goes_on_where_its_folder_ends(trained):
    workdir, line = trained
    again = FIFTH.part("job").run(bends(), workdir, time.time())
    assert (again["steps"], again["metrics"]) == (2, line["metrics"])


def test_task_of_finds_the_task_of_its_model(trained):
    workdir, _ = trained
    assert tasks.task_of(read_spec(workdir / "model")) is FIFTH


# Its commands


def test_its_verb_runs_and_is_listed(trained, curves, said):
    workdir, _ = trained
    code, out, _ = said("bend", "curves.fifth", "--model", workdir)
    assert code == 0
    assert {*out.split()} <= {*BENDS} and len(out.split()) == len(curves)
    code, found, _ = said("bend", "curves.fifth", "--model", workdir, "--json")
    assert (code, json.loads(found)["bends"]) == (0, out.split())
    assert "Tell which way curves bend." in said()[1]


def test_its_verb_refuses_the_models_of_others(trained, curves, said):
    for task in FOUR:
        err = refusal(said("bend", "curves.fifth", "--model", task.packaged[0]))
        assert f"The model {task.packaged[0]} {task.about}" in err
        assert "`strokejax bend` needs one that tells which way curves bend" in err


def test_verbs_of_others_refuse_its_model(trained, curves, said):
    workdir, _ = trained
    for command in (
        ("recognize", "ink.json"),
        ("symbols", "list"),
        ("lines", "read", "line.png"),
        ("fonts", "identify", "line.png"),
        ("swipe", "type", "swipes.jsonl"),
        ("evaluate", "swipes.jsonl"),
        ("serve", "--port", "0"),
    ):
        err = refusal(said(*command, "--model", workdir))
        assert "tells which way curves bend (bend_net)" in err


def test_evaluate_scores_its_files(trained, curves, said):
    workdir, _ = trained
    code, out, _ = said("evaluate", "curves.fifth", "--model", workdir, "--json")
    scores = json.loads(out)
    assert (code, scores["n"]) == (0, len(curves))
    bends = said("bend", "curves.fifth", "--model", workdir)[1].split()
    right = [read == row["bend"] for read, row in zip(bends, curves, strict=True)]
    assert scores["top1"] == np.mean(right)
    code, out, _ = said("evaluate", "curves.fifth", "--model", workdir, "--first", 2)
    assert code == 0 and out.startswith("2 curves")


def test_evaluate_keeps_its_files_and_options_apart(trained, curves, said):
    workdir, _ = trained
    other = said("evaluate", "swipes.jsonl", "--first", 2)
    assert "--first is not for data like swipes.jsonl" in refusal(other)
    other = said("evaluate", "curves.fifth", "--model", workdir, "--beam", 3)
    assert "--beam is not for data like curves.fifth" in refusal(other)
    other = said("evaluate", "curves.fifth", "--model", "swipe")
    assert "types words from swipes" in refusal(other)
    other = said("evaluate", "curves.fifth", "swipes.jsonl")
    assert "data of different tasks" in refusal(other)


# Its page


def test_the_server_serves_its_tab_its_route_and_its_script(trained, own_home):
    workdir, _ = trained
    shutil.copytree(workdir / "model", own_home / "fifth")
    studio = Mock()
    studio.run_heavy = AsyncMock(side_effect=lambda function, *args: function(*args))
    app = create_app(studio, Limits(rate=0), tasks.pages())
    # Without its lifespan: there is no model of symbols to watch.
    client = TestClient(app, headers={"host": "localhost:8000"})
    answer = client.post("/api/bends", json={"points": [[0, 0], [2, 1], [0, 2]]})
    assert answer.status_code == 200 and answer.json()["bend"] in BENDS
    for points in ([[0, 0]], [[0, 0], [1, "x"]], 3):
        answer = client.post("/api/bends", json={"points": points})
        assert answer.status_code == 422 and "points" in answer.json()["error"]
    tabs = re.findall(
        r'role="tab".* href="#(\w+)".* data-src="(.*?)"', client.get("/").text
    )
    assert tabs[-1] == ("bends", "static/fifth/bends.js")
    assert "export function create" in client.get("/static/fifth/bends.js").text
    assert client.get("/static/main.js").status_code == 200
    assert "/api/bends" in app.openapi()["paths"]


# Laws of all tasks


def owners(attribute, value):
    return [task for task in FIVE if value in getattr(task, attribute)]


every_task = st.sampled_from(FIVE)
names = st.text(string.ascii_letters + string.digits + "._- ", max_size=12)


@given(st.data(), every_task, st.integers(0, 512))
def test_a_stored_model_has_a_task_that_knows_its_architecture(data, task, length):
    name = data.draw(st.sampled_from(task.architectures))
    spec = EncoderSpec(
        name,
        out_dim=data.draw(st.integers(1, 999)),
        normalise=data.draw(st.booleans()),
        channels=data.draw(st.floats(0.25, 4)),
        length=length,
    )
    found = tasks.task_of(spec._asdict())
    assert name in found.architectures
    # What else the spec says makes no difference.
    assert found is tasks.task_of({"architecture": name, "length": length})
    if owners("architectures", name) == [task]:
        assert found is task
    else:
        assert found.name == ("fonts" if length else "symbols")


@given(names)
def test_an_unknown_architecture_is_refused_with_those_that_are_known(name):
    if owners("architectures", name):
        return
    with pytest.raises(InputError) as error:
        tasks.task_of({"architecture": name})
    known = {each for task in FIVE for each in task.architectures}
    assert repr(name) in str(error.value)
    assert all(each in str(error.value) for each in known)


def test_every_packaged_model_is_of_the_task_that_lists_it():
    listed = {name: task for task in FIVE for name in task.packaged}
    assert {path.parent.name for path in PACKAGED.glob("*/CURRENT")} == {*listed}
    for name, task in listed.items():
        assert tasks.task_of(read_spec(PACKAGED / name)) is task


@given(st.data(), every_task)
def test_a_config_has_a_task_that_knows_its_job_and_data(data, task):
    chosen = default_config()
    chosen.job = data.draw(st.sampled_from(task.jobs))
    chosen.data.name = data.draw(st.sampled_from(task.data))
    chosen.model.name = data.draw(st.sampled_from(config.FIELDS["model.name"].choices))
    chosen.seed = data.draw(st.integers(0, 9))
    assert tasks.task_of_config(chosen) is task


@given(st.data(), every_task, every_task)
def test_a_config_of_foreign_data_has_a_task_that_knows_its_job(data, task, other):
    chosen = default_config()
    chosen.job = data.draw(st.sampled_from(task.jobs))
    chosen.data.name = data.draw(st.sampled_from(other.data))
    found = tasks.task_of_config(chosen)
    assert chosen.job in found.jobs
    knowing = [each for each in FIVE if chosen.job in each.jobs]
    if any(chosen.data.name in each.data for each in knowing):
        assert chosen.data.name in found.data


endings = [ending for task in FIVE for ending in task.evaluates]


@given(names, st.sampled_from([*endings, "", ".csv"]), st.booleans())
def test_a_file_has_the_task_with_the_longest_of_its_endings(name, ending, upper):
    path = name + (ending.upper() if upper else ending)
    found = tasks.task_for_file(path)
    fitting = {
        each: task
        for task in FIVE
        for each in task.evaluates
        if Path(path).name.lower().endswith(each)
    }
    assert found is fitting[max(fitting, key=len)]
    # Neither its folder nor its case makes a difference.
    if path.strip(". ") and not path.startswith("."):
        assert tasks.task_for_file(f"labels.tsv/swipes.jsonl/{path}") is found
        assert tasks.task_for_file(path.swapcase()) is found


@given(names)
def test_another_task_takes_no_file_but_its_own(name):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tasks, "ALL", FOUR)
        before = tasks.task_for_file(name)
    found = tasks.task_for_file(name)
    assert found is (FIFTH if name.lower().endswith(".fifth") else before)


def test_no_two_tasks_have_a_name_a_verb_an_ending_or_a_field_in_common():
    fields = [SHARED, config.NAMED, *(task.fields for task in FIVE)]
    for every in (
        [task.name for task in FIVE],
        [*(verb for task in FIVE for verb in task.verbs), *cli.OVER_TASKS],
        endings,
        [(part, name) for table in fields for part in table for name in table[part]],
    ):
        assert len(every) == len({*every})


@pytest.mark.parametrize("task", FIVE, ids=lambda task: task.name)
def test_a_task_has_what_others_look_for_by_name(task):
    command, page = task.part(task.scoring), task.part("page")
    for name in ("evaluate_options", "evaluate", "show_scores"):
        assert callable(getattr(command, name))
    for verb, module in task.verbs.items():
        assert verb in [each.name for each in task.part(module).VERBS]
    assert callable(task.part("job").run)
    assert callable(page.attach) and page.routers
    for _, _, script in page.TABS:
        assert "export function create(" in (page.STATIC / script).read_text()
    others = {each.name for each in FIVE} - {task.name}
    assert {*task.accepts} <= others


def test_tabs_have_names_of_their_own():
    ids = [tab for task in FIVE for tab, *_ in task.part("page").TABS]
    assert len(ids) == len({*ids})
