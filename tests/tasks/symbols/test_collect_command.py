"""strokejax collect: guidance, checking, cleaning and merging of a collected folder."""

import json
import os
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strokejax.cli import main
from strokejax.data import collection
from strokejax.data.collection import examine, find, symbols_to_collect, to_draw
from strokejax.data.sets.collected import load_scribble
from strokejax.ink.collected_csv import write_csv
from strokejax.ink.formats import write_json
from strokejax.table.symbols import STROKES
from strokejax.types import Ink, InputError

HEADER = "timestamp,velocity_x,velocity_y\n"


def csv_text(seed):
    rng = np.random.default_rng(seed)
    rows = (
        f"{i / 100:.2f},{x:.3f},{y:.3f}" for i, (x, y) in enumerate(rng.random((9, 2)))
    )
    return HEADER + "\n".join(rows) + "\n"


def draw(root, name, count=1, seed=0):
    """Files trial_1.csv ... of one symbol, each another drawing."""
    (root / name).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        seeds = (seed, i, *name.encode())
        (root / name / f"trial_{i + 1}.csv").write_text(csv_text(seeds))


def run(capsys, *arguments):
    """Exit code, the one JSON line, stderr."""
    code = main(["collect", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert out.count("\n") == (1 if out else 0)
    return code, json.loads(out) if out else None, err


def tree(folder):
    """Relative name -> bytes of every file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def bad(tmp_path):
    """A folder with one file of each fault, and two good ones."""
    draw(tmp_path, "a", 2)
    draw(tmp_path, "space")
    folder = tmp_path / "a"
    (folder / "trial_3.csv").write_text("time,x\n1,2\n")
    (folder / "trial_4.csv").write_text(HEADER)
    (folder / "trial_5.csv").write_text(HEADER + "0,1,1\n")
    (folder / "trial_6.csv").write_bytes(
        (folder / "trial_1.csv").read_bytes().replace(b"\n", b"\r\n")
    )
    (folder / "trial_7.csv").write_text(HEADER + "0,1,1\n0.01,0,0\n")
    (folder / "trial_8.json").write_text('{"strokes": []}')
    return tmp_path


FAULTS = {
    "a/trial_3.csv": "but needs",
    "a/trial_4.csv": "no points",
    "a/trial_5.csv": "one point",
    "a/trial_6.csv": "same drawing as",
    "a/trial_7.csv": "never moves",
    "a/trial_8.json": "no points",
}

# What to draw next


@given(
    st.dictionaries(st.sampled_from(STROKES[:6]), st.integers(0, 5), min_size=1),
    st.integers(1, 6),
)
def test_following_the_guidance_levels_the_counts_and_ends_at_the_target(
    counts, target
):
    counts, steps = dict(counts), 0
    missing = sum(max(target - n, 0) for n in counts.values())
    while queue := to_draw(counts, target):
        assert counts[queue[0]] == min(counts.values())
        counts[queue[0]] += 1
        steps += 1
    assert steps == missing
    assert all(n >= target for n in counts.values())


def test_ties_keep_the_built_in_order_and_own_symbols_follow(tmp_path):
    for name, count in (("uA", 1), ("d0", 1), ("heart", 1), ("b", 2)):
        draw(tmp_path, name, count)
    (tmp_path / "arrow").mkdir()
    (tmp_path / ".cache").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read.me").touch()
    found = find(tmp_path)
    assert symbols_to_collect(found) == (*STROKES, "arrow", "heart")
    samples = {
        s: len(examine(found).good.get(s, ())) for s in symbols_to_collect(found)
    }
    queue = to_draw(samples, 3)
    fresh = [s for s in STROKES if s not in ("A", "0", "b")]
    assert queue == [*fresh, "arrow", "A", "0", "heart", "b"]


def test_the_json_line_and_the_choice_of_symbols(tmp_path, capsys):
    draw(tmp_path, "uA", 2)
    draw(tmp_path, "heart", 3)
    code, line, _ = run(
        capsys, tmp_path, "--symbols", 'heart, A,moon,",",b,A', "--target", "3"
    )
    assert code == 0
    assert line == {
        "folder": str(tmp_path),
        "symbols": [
            {"name": "b", "samples": 0},
            {"name": "A", "samples": 2},
            {"name": "heart", "samples": 3},
            {"name": "moon", "samples": 0},
            {"name": ",", "samples": 0},
        ],
        "next": ["b", "moon", ",", "A"],
        "problems": [],
    }
    _, line, _ = run(capsys, tmp_path)
    assert [row["name"] for row in line["symbols"]] == [*STROKES, "heart"]
    assert len(line["next"]) == 64


def test_old_spellings_and_the_inner_folder(tmp_path, capsys):
    root = tmp_path / "raw_mouse_data"
    for name in ("uA", "A", "d5", "5"):
        draw(root, name)
    _, line, _ = run(capsys, tmp_path, "--symbols", "A,5")
    assert [row["samples"] for row in line["symbols"]] == [2, 2]
    assert {path.name for path in find(tmp_path).folders.values()} == {"uA", "d5"}


def test_people_are_told_too(bad, capsys):
    assert main(["collect", str(bad), "--symbols", "a,b", "--target", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("trial_" in line for line in lines) == len(FAULTS)
    assert lines[-4:] == [
        "symbol  samples  missing",
        "a             2",
        "b             0        2",
        "draw next: b",
    ]
    assert main(["collect", str(bad), "--symbols", "a", "--target", "1"]) == 0
    assert "every symbol has 1" in capsys.readouterr().out
    assert main(["collect", str(bad)]) == 0
    assert "and 51 more" in capsys.readouterr().out
    assert main(["collect", str(bad), "--check"]) == 2
    assert capsys.readouterr().out.splitlines()[-1] == "6 problems"
    assert main(["collect", str(bad), "--clean"]) == 0
    assert "6 files moved to .rejected" in capsys.readouterr().out


def test_drawings_of_several_strokes_count_and_train(tmp_path, capsys):
    draw(tmp_path, "t", 1)
    strokes = ([[0, 0], [0, 9]], [[-3, 4], [3, 4]])
    ink = Ink(tuple(np.array(s, np.float32) for s in strokes))
    write_json(tmp_path / "t" / "trial_2.json", ink)
    data = load_scribble(tmp_path)
    assert len(data) == 2
    # The pen is up once within a drawing of two strokes.
    assert sorted((data.inputs["points"][:, :, 2] == 0).sum(1)) == [1, 2]
    _, line, _ = run(capsys, tmp_path, "--symbols", "t")
    assert line["symbols"] == [{"name": "t", "samples": 2}]


# Checking and cleaning


def test_a_check_names_every_fault_and_no_good_file(bad, capsys):
    before = tree(bad)
    code, line, _ = run(capsys, bad, "--check", "--symbols", "a,space")
    assert code == 2
    assert {row["file"] for row in line["problems"]} == FAULTS.keys()
    for row in line["problems"]:
        assert FAULTS[row["file"]] in row["error"]
        assert row["error"].endswith(".")
    assert [row["samples"] for row in line["symbols"]] == [2, 1]
    code, line, _ = run(capsys, bad)
    assert (code, len(line["problems"])) == (0, len(FAULTS))
    assert tree(bad) == before


def test_a_tap_is_a_space_and_not_a_letter(tmp_path, capsys):
    for name in ("space", "dot", "a"):
        (tmp_path / name).mkdir()
        tap = HEADER + f"{len(name)},0,0\n9,0,0\n"
        (tmp_path / name / "trial_1.csv").write_text(tap)
    _, line, _ = run(capsys, tmp_path, "--check")
    assert [row["file"] for row in line["problems"]] == ["a/trial_1.csv"]


def test_cleaning_deletes_nothing_and_ends_after_one_run(bad, capsys):
    before = tree(bad)
    code, line, _ = run(capsys, bad, "--clean")
    assert code == 0 and line["problems"] == []
    assert {row["file"] for row in line["moved"]} == FAULTS.keys()
    after = tree(bad)
    assert sorted(after.values()) == sorted(before.values())
    for row in line["moved"]:
        assert row["to"] == f".rejected/{row['file']}"
        assert after[row["to"]] == before[row["file"]]
    code, line, _ = run(capsys, bad, "--clean")
    assert (code, line["moved"]) == (0, [])
    assert run(capsys, bad, "--check")[0] == 0
    assert tree(bad) == after


def test_a_name_that_is_taken_among_the_rejected_gets_a_number(bad, capsys):
    run(capsys, bad, "--clean")
    for text in ("again", "and again"):
        (bad / "a" / "trial_3.csv").write_text(text)
        run(capsys, bad, "--clean")
    kept = tree(bad / ".rejected" / "a")
    names = ("trial_3.csv", "trial_3-2.csv", "trial_3-3.csv")
    assert [kept[name] for name in names] == [b"time,x\n1,2\n", b"again", b"and again"]


def test_the_rejected_are_no_symbol(tmp_path):
    draw(tmp_path, "a")
    draw(tmp_path, ".rejected")
    assert find(tmp_path).trials.keys() == {"a"}


def test_what_leads_out_is_named_moved_and_left_alone(tmp_path, capsys):
    inside, outside = tmp_path / "in", tmp_path / "out"
    draw(outside, "b", 2)
    draw(inside, "a")
    before = tree(outside)
    (inside / "b").symlink_to(outside / "b")
    (inside / "a" / "trial_2.csv").symlink_to(outside / "b" / "trial_1.csv")
    (inside / "a" / "trial_3.csv").symlink_to("trial_3.csv")
    (inside / "a" / "trial_4.csv").symlink_to("trial_1.csv")
    _, line, _ = run(capsys, inside, "--check", "--symbols", "a,b")
    assert [row["samples"] for row in line["symbols"]] == [1, 0]
    told = {row["file"]: row["error"] for row in line["problems"]}
    assert told.keys() == {"b", *(f"a/trial_{i}.csv" for i in (2, 3, 4))}
    assert "leads out" in told["b"] and "leads out" in told["a/trial_2.csv"]
    assert "same drawing" in told["a/trial_4.csv"]
    with pytest.raises(InputError, match="leads out"):
        load_scribble(inside)
    run(capsys, inside, "--clean")
    assert run(capsys, inside, "--check")[0] == 0
    assert tree(outside) == before
    assert (inside / ".rejected" / "b").is_symlink()


def test_cleaning_stays_in_the_folder(bad, tmp_path, capsys):
    (bad / ".rejected").symlink_to(tmp_path.parent)
    before = tree(bad / "a")
    code, line, err = run(capsys, bad, "--clean")
    assert (code, line) == (2, None) and ".rejected" in err
    assert tree(bad / "a") == before


# Merging


def test_a_merge_adds_what_is_new_once_and_replaces_nothing(tmp_path, capsys):
    mine, other = tmp_path / "mine", tmp_path / "other"
    draw(mine, "a", 3)
    draw(mine, "5", 1)
    draw(other, "a", 5)  # the first three are those of mine
    draw(other, "5", 2, seed=1)
    draw(other, "uB", 1)
    draw(other, "heart", 1)
    (other / "a" / "trial_9.csv").write_bytes(
        (other / "uB" / "trial_1.csv").read_bytes()
    )
    before, theirs = tree(mine), tree(other)
    code, line, _ = run(capsys, mine, "--merge", other, "--symbols", "a,B,5,heart")
    assert code == 0
    assert line["known"] == 4 and line["left_out"] == []
    after = tree(mine)
    assert before.items() <= after.items()
    assert tree(other) == theirs
    assert {row["to"] for row in line["copied"]} == after.keys() - before.keys()
    assert after.keys() - before.keys() == {
        *(f"a/trial_{i}.csv" for i in (4, 5, 6)),
        *(f"5/trial_{i}.csv" for i in (2, 3)),
        "heart/trial_1.csv",
    }
    for row in line["copied"]:
        assert after[row["to"]] == theirs[row["file"]]
    code, line, _ = run(capsys, mine, "--merge", other)
    assert (code, line["copied"], line["known"]) == (0, [], 10)
    assert tree(mine) == after


@given(
    mine=st.lists(st.integers(0, 5), max_size=5),
    other=st.lists(st.integers(0, 5), min_size=1, max_size=5),
)
def test_a_merge_is_the_union(tmp_path_factory, mine, other):
    from strokejax.data.collection import merge

    roots = [tmp_path_factory.mktemp(name) for name in ("mine", "other")]
    for root, seeds in zip(roots, (mine, other), strict=True):
        for i, seed in enumerate(seeds):
            (root / "a").mkdir(exist_ok=True)
            (root / "a" / f"trial_{7 * i}.csv").write_text(csv_text(seed))
    found = find(roots[0])
    merge(found, examine(found).hashes, find(roots[1]))
    texts = Counter(tree(roots[0]).values())
    assert texts.keys() == {csv_text(seed).encode() for seed in (*mine, *other)}
    assert texts == Counter(csv_text(s).encode() for s in mine) | Counter(
        {csv_text(s).encode() for s in other}
    )


def test_damaged_files_of_the_other_folder_are_named_and_left_out(
    bad, tmp_path_factory, capsys
):
    mine = tmp_path_factory.mktemp("mine")
    code, line, _ = run(capsys, mine, "--merge", bad)
    assert code == 2
    assert len(line["copied"]) == 3 and line["known"] == 1  # the copy with \r\n
    left_out = {row["file"] for row in line["left_out"]}
    assert left_out == FAULTS.keys() - {"a/trial_6.csv"}
    assert line["problems"] == []
    assert run(capsys, mine, "--check")[0] == 0


def test_a_file_that_appears_meanwhile_is_kept(tmp_path, monkeypatch):
    from strokejax.data import collection as upkeep

    draw(tmp_path / "mine", "a", 1)
    draw(tmp_path / "other", "a", 2, seed=1)
    real = upkeep.write_atomically
    taken = tmp_path / "mine" / "a" / "trial_2.csv"

    def late(path, data, **options):
        if not taken.exists():
            taken.write_text("drawn just now")
        real(path, data, **options)

    monkeypatch.setattr(upkeep, "write_atomically", late)
    found = find(tmp_path / "mine")
    merged = upkeep.merge(found, examine(found).hashes, find(tmp_path / "other"))
    assert taken.read_text() == "drawn just now"
    assert [to.name for _, to in merged.copied] == ["trial_3.csv", "trial_4.csv"]


def test_a_merge_stops_at_a_full_disk_and_goes_on_later(tmp_path, monkeypatch, capsys):
    draw(tmp_path / "mine", "a", 1)
    draw(tmp_path / "other", "a", 3, seed=1)
    before = tree(tmp_path / "mine")
    with monkeypatch.context() as patched:

        def full(*_):
            raise OSError(28, "No space left on device")

        patched.setattr("os.fsync", full)
        code, _, err = run(capsys, tmp_path / "mine", "--merge", tmp_path / "other")
    assert code == 2 and "No space left" in err
    assert tree(tmp_path / "mine") == before
    _, line, _ = run(capsys, tmp_path / "mine", "--merge", tmp_path / "other")
    assert len(line["copied"]) == 3


def test_a_folder_name_that_is_taken_by_something_else_leaves_the_symbol_out(
    tmp_path, capsys
):
    draw(tmp_path / "mine", "b")
    (tmp_path / "mine" / "a").write_text("not a folder")
    draw(tmp_path / "other", "a")
    code, line, _ = run(capsys, tmp_path / "mine", "--merge", tmp_path / "other")
    assert code == 2
    assert "is taken" in line["left_out"][0]["error"]


# Bad input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none"], "is not a folder"),
        (["empty", "--check"], "has no drawings yet"),
        (["empty", "--clean"], "has no drawings yet"),
        (["good", "--merge", "empty"], "has no drawings"),
        (["good", "--merge", "good"], "the same folder"),
        (["good", "--merge", "none"], "is not a folder"),
        (["good", "--target", "0"], "1 to 10,000"),
        (["good", "--symbols", ""], "no symbol"),
        (["good", "--symbols", "a,,b"], "0 characters"),
        (["good", "--symbols", "a\nb"], "--symbols"),
    ],
)
def test_one_sentence_for_what_cannot_be(
    tmp_path, monkeypatch, capsys, arguments, words
):
    (tmp_path / "empty").mkdir()
    draw(tmp_path / "good", "a")
    monkeypatch.chdir(tmp_path)
    code, line, err = run(capsys, *arguments)
    assert (code, line) == (2, None)
    assert words in err and err.count("\n") == 1


def test_an_empty_folder_is_where_a_collection_begins(tmp_path, capsys):
    code, line, err = run(capsys, tmp_path)
    assert code == 0 and "no drawings yet" in err
    assert line["next"] == list(STROKES)


def test_a_huge_folder_is_refused_before_it_is_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(collection, "MAX_FILES", 20)
    draw(tmp_path, "a", 15)
    assert run(capsys, tmp_path)[0] == 0
    draw(tmp_path, "b", 6)
    code, _, err = run(capsys, tmp_path)
    assert code == 2 and "limit of 20 files" in err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse the name")
def test_names_that_are_no_text_are_shown_escaped(tmp_path, capsys):
    draw(tmp_path, "a")
    odd = os.fsencode(tmp_path / "a") + b"/trial_\xff.csv"
    with open(odd, "w") as file:
        file.write("x")
    folder = tmp_path / "\x07bell"
    draw(tmp_path, folder.name)
    code, line, _ = run(capsys, tmp_path, "--check")
    assert code == 2 and len(line["problems"]) == 2
    assert main(["collect", str(tmp_path), "--clean"]) == 0
    assert "\\udcff" in capsys.readouterr().out
    assert not folder.exists() and run(capsys, tmp_path, "--check")[0] == 0


def test_every_csv_of_the_writer_is_a_sample(tmp_path, capsys):
    (tmp_path / "w").mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        stroke = rng.normal(size=(12, 3)).astype(np.float32)
        stroke[:, 2] = np.arange(12) / 100
        write_csv(tmp_path / "w" / f"trial_{i}.csv", Ink((stroke,)))
    code, line, _ = run(capsys, tmp_path, "--check", "--symbols", "w")
    assert (code, line["symbols"]) == (0, [{"name": "w", "samples": 3}])
