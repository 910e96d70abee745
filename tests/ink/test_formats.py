import io
import json
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from strokejax.ink import packed, unipen
from strokejax.ink.collected_csv import folder_symbol, symbol_folder, write_csv
from strokejax.ink.formats import read_ink, read_unipen, write_json
from strokejax.ink.limits import check_ink
from strokejax.ink.packed import PackedInk, pack, read_packed, unpack, write_packed
from strokejax.table.symbols import STROKES
from strokejax.types import Ink, InputError

DATA = os.environ.get("STROKEJAX_DATA")

coordinates = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)


@st.composite
def strokes(draw):
    """One stroke f32[n, 3], n >= 2, all times known or none."""
    n = draw(st.integers(2, 9))
    xy = draw(hnp.arrays(np.float32, (n, 2), elements=coordinates))
    t = np.arange(len(xy)) / 64 if draw(st.booleans()) else np.full(len(xy), np.nan)
    return np.column_stack([xy, t.astype(np.float32)]).astype(np.float32)


inks = st.lists(strokes(), min_size=1, max_size=4).map(lambda s: Ink(tuple(s)))


def ink_of(*strokes) -> Ink:
    return Ink(tuple(np.array(stroke, np.float32) for stroke in strokes))


def equal(a: Ink, b: Ink) -> bool:
    return len(a.strokes) == len(b.strokes) and all(
        np.array_equal(s, t, equal_nan=True)
        for s, t in zip(a.strokes, b.strokes, strict=True)
    )


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def xy(ink: Ink) -> list[list[list[float]]]:
    return [stroke[:, :2].tolist() for stroke in ink.strokes]


def one_sentence(error: pytest.ExceptionInfo) -> str:
    message = str(error.value)
    assert message.endswith(".") and "\n" not in message and len(message) < 500, message
    return message


# Packed ink


@settings(max_examples=50, deadline=None)
@given(st.lists(inks, max_size=5))
def test_unpack_takes_pack_back(samples):
    whole = pack(samples)
    assert len(whole.sample_start) == len(samples) + 1
    assert all(equal(unpack(whole, i), ink) for i, ink in enumerate(samples))


@settings(max_examples=50, deadline=None)
@given(st.lists(inks, min_size=1, max_size=4), st.permutations(range(4)))
def test_packing_a_permutation_permutes_the_samples(samples, order):
    order = [i for i in order if i < len(samples)]
    whole = pack([samples[i] for i in order])
    assert all(equal(unpack(whole, j), samples[i]) for j, i in enumerate(order))


def test_packed_layout():
    ink = ink_of([[0, 0, np.nan]] * 2, [[5, 6, np.nan]] * 3)
    whole = pack([ink, ink])
    assert whole.points.shape == (10, 2)
    assert whole.stroke_start.tolist() == [0, 2, 5, 7, 10]
    assert whole.sample_start.tolist() == [0, 2, 4]


@settings(max_examples=20, deadline=None)
@given(st.lists(inks, min_size=1, max_size=4))
def test_written_packed_ink_is_read_back(tmp_path_factory, samples):
    path = tmp_path_factory.mktemp("packed") / "set.npz"
    label = [f"symbol {i}" for i in range(len(samples))]
    write_packed(path, pack(samples), label=label, relative_size=np.ones(len(samples)))
    whole, columns = read_packed(path)
    assert all(equal(unpack(whole, i), ink) for i, ink in enumerate(samples))
    assert columns["label"].tolist() == label
    assert set(columns) == {"label", "relative_size"}
    assert [p.name for p in path.parent.iterdir()] == ["set.npz"]


def test_read_ink_gives_every_sample_and_makes_a_lone_point_a_tap(tmp_path):
    points = np.array([[0, 0], [9, 9], [4, 4]], np.int16)
    path = tmp_path / "set.npz"
    write_packed(path, PackedInk(points, np.array([0, 2, 3]), np.array([0, 1, 2])))
    line, dot = read_ink(path)
    assert xy(line) == [[[0, 0], [9, 9]]]
    assert xy(dot) == [[[4, 4]], [[4, 4]]]


GOOD = {
    "points": np.zeros((4, 2), np.int16),
    "stroke_start": np.array([0, 2, 4]),
    "sample_start": np.array([0, 1, 2]),
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"points": np.zeros((4, 4))}, r"points.*\[4, 4\]"),
        ({"points": np.array(list("abcd"))}, "points"),
        ({"points": np.array([[0, 0], [0, np.inf], [0, 0], [0, 0]])}, "point 1"),
        ({"stroke_start": np.array([0, 2, 5])}, "stroke_start.*0 to 4.*0 to 5"),
        ({"stroke_start": np.array([1, 2, 4])}, "stroke_start"),
        ({"stroke_start": np.array([0, 4, 2, 4])}, "does not rise"),
        ({"stroke_start": np.array([0, 2, 2, 4], np.uint32)}, "stroke_start"),
        ({"stroke_start": np.array([0.0, 2.0, 4.0])}, "stroke_start.*float64"),
        ({"sample_start": np.array([0, -1, 2])}, "sample_start"),
        ({"sample_start": np.array([0, 1])}, "sample_start"),
        ({"sample_start": np.array([], int)}, "sample_start"),
        ({"label": np.array(["a"])}, "label.*2 samples"),
        ({"label": np.array("a")}, "label"),
    ],
)
def test_packed_arrays_that_do_not_fit_are_refused(tmp_path, change, words):
    path = tmp_path / "set.npz"
    np.savez(path, **{**GOOD, **change})
    with pytest.raises(InputError, match=words) as error:
        read_packed(path)
    assert "set.npz" in one_sentence(error)


def test_packed_file_names_the_arrays_found_and_wanted(tmp_path):
    np.savez(tmp_path / "set.npz", x=np.zeros(3), y=np.zeros(3))
    with pytest.raises(InputError, match=r"'x, y'.*points, stroke_start, sample_start"):
        read_packed(tmp_path / "set.npz")


def test_packed_files_are_never_unpickled(tmp_path):
    label = np.array([{"a": 1}, None], object)
    np.savez(tmp_path / "set.npz", **GOOD, label=label)
    with pytest.raises(InputError, match="plain arrays") as error:
        read_packed(tmp_path / "set.npz")
    one_sentence(error)
    with pytest.raises(InputError, match="Python objects"):
        write_packed(tmp_path / "new.npz", PackedInk(**GOOD), label=label)
    assert not (tmp_path / "new.npz").exists()


def test_damaged_packed_files_are_refused(tmp_path):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **GOOD)
    data = buffer.getvalue()
    for cut in range(0, len(data) - 1, 37):
        path = write(tmp_path / "cut.npz", data[:cut])
        with pytest.raises(InputError) as error:
            read_packed(path)
        one_sentence(error)


def test_a_packed_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "MAX_UNPACKED_BYTES", 2**20)
    np.savez_compressed(tmp_path / "bomb.npz", **GOOD, zeros=np.zeros(2**18))
    with pytest.raises(InputError, match="2 MiB, above the limit of 1 MiB"):
        read_packed(tmp_path / "bomb.npz")


def test_a_header_that_promises_too_much_is_refused(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }"
    header = (header % 10**15).ljust(117) + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        archive.writestr("points.npy", data)
    with pytest.raises(InputError):
        read_packed(tmp_path / "set.npz")


# JSON


@settings(max_examples=40, deadline=None)
@given(inks)
def test_written_json_is_read_back(tmp_path_factory, ink):
    path = tmp_path_factory.mktemp("json") / "ink.json"
    write_json(path, ink)
    (read,) = read_ink(path)
    assert equal(read, ink)


@pytest.mark.parametrize(
    "text",
    [
        '{"strokes": [[[1, 2], [3, 4]], [], [[5, 6], [7, 8]]]}',
        "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]",
        "\ufeff\n[[[1, 2, 0.5], [3, 4, 0.75]], [[5, 6, null], [7, 8, 1]]]",
    ],
)
def test_json_forms(tmp_path, text):
    (ink,) = read_ink(write(tmp_path / "ink", text))
    assert xy(ink) == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]


V = [[[0.0, 0.0], [5.0, 9.0], [10.0, 0.0], [12.0, 1.0]]]
OBJECTS = [{"x": x, "y": y} for x, y in V[0]]
COLUMNS = [[x for x, _ in V[0]], [y for _, y in V[0]]]
PARTS = {"segments": [{"points": [{"x": x, "y": y, "z": 0.5} for x, y in V[0]]}]}


@pytest.mark.parametrize(
    "content",
    [
        [OBJECTS],
        OBJECTS,
        {"data": OBJECTS},
        [{"points": OBJECTS, "penColor": "black"}],
        [{"x": COLUMNS[0], "y": COLUMNS[1]}],
        [COLUMNS],
        {"word": "v", "drawing": [COLUMNS]},
        {"strokes": [{"path": {"points": [{"location": p} for p in V[0]]}}]},
        {
            "type": "excalidraw",
            "elements": [
                {"type": "text", "x": 0, "y": 0},
                {"type": "freedraw", "x": -1, "y": 2, "points": V[0]},
            ],
        },
        {"records": [{"type": "draw", "x": 3, "y": 4, "props": PARTS}, {"id": "a"}]},
    ],
)
def test_json_of_other_programs(tmp_path, content):
    (ink,) = read_ink(write(tmp_path / "a.json", json.dumps(content)))
    (stroke,) = ink.strokes
    np.testing.assert_allclose(stroke[:, :2] - stroke[0, :2], V[0], atol=1e-6)
    assert np.isnan(stroke[:, 2]).all()


@pytest.mark.parametrize("name", ["t", "time", "timestamp", "timeOffset"])
@pytest.mark.parametrize(("start", "step"), [(0, 0.01), (0, 10), (1690000000000, 10)])
def test_json_times_are_seconds_or_milliseconds(tmp_path, name, start, step):
    points = [p | {name: start + i * step} for i, p in enumerate(OBJECTS)]
    (ink,) = read_ink(write(tmp_path / "a.json", json.dumps([points])))
    np.testing.assert_allclose(ink.strokes[0][:, 2], [0, 0.01, 0.02, 0.03], atol=1e-6)


def test_json_lines_are_drawings(tmp_path):
    lines = "\n".join(json.dumps({"drawing": [COLUMNS]}) for _ in range(3))
    assert [xy(ink) for ink in read_ink(write(tmp_path / "a.ndjson", lines))] == [V] * 3
    bad = write(tmp_path / "b.ndjson", lines + "\n{}")
    with pytest.raises(InputError, match=r"b\.ndjson, line 4 does not hold ink"):
        read_ink(bad)


@given(inks, st.floats(-9e6, 9e6), st.floats(-9e6, 9e6))
def test_far_from_the_origin_a_drawing_keeps_its_shape(ink, x, y):
    strokes = [
        np.asarray(stroke, np.float64) * (1e-4, 1e-4, 1) for stroke in ink.strokes
    ]
    moved = Ink(tuple(stroke + np.array([x, y, 0]) for stroke in strokes))
    found = np.concatenate(check_ink(moved, "ink").strokes)[:, :2].astype(np.float64)
    points = np.concatenate(strokes)[:, :2]
    size = np.ptp(points, axis=0).max()
    wrong = found - found[0] - (points - points[0])
    assert np.abs(wrong).max() <= 2e-3 * size + 1e-9


SVG = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'


@pytest.mark.parametrize(
    "body",
    [
        '<path d="M0,0 L5,9 10,0 12,1"/>',
        '<g stroke="red"><path d="m0 0l5 9 5-9 2 1"/></g>',
        '<polyline points="0,0 5,9 10,0 12,1"/>',
        '<text transform="scale(2)">1</text><path d="M0 0L5 9L10 0L12 1"/>',
    ],
)
def test_svg_forms(tmp_path, body):
    doctype = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.0//EN" "svg10.dtd">'
    (ink,) = read_ink(write(tmp_path / "a.svg", doctype + SVG.format(body)))
    assert xy(ink) == V


def test_svg_curves_become_points(tmp_path):
    """A quarter of a circle, and a line that closes its path."""
    body = '<path d="M0 10 A10 10 0 0 1 10 0 Z"/><line x2="3" y2="4"/>'
    (ink,) = read_ink(write(tmp_path / "a.svg", SVG.format(body)))
    arc, line = xy(ink)
    np.testing.assert_allclose(np.hypot(*(np.array(arc[:-1]) - 10).T), 10, atol=0.01)
    assert arc[-1] == [0, 10]
    assert line == [[0, 0], [3, 4]]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('<g transform="scale(2)"><path d="M0 0L1 1"/></g>', "transforms its paths"),
        ('<path d="M0 0 L"/>', "cannot be read"),
        ('<polyline points="1 2 3"/>', "cannot be read"),
        (f'<path d="M0 0 {"C1 1 2 2 3 3" * 70_000}"/>', "characters"),
        (f'<path d="M0 0 {"C1 1 2 2 3 3" * 9_000}"/>', "100,000 points"),
        ('<path d="L"/>', "cannot be read"),
        ('<path d="A1 1 0 0 0 5"/>', "cannot be read"),
        ("<g>" * 100_000 + "</g>" * 100_000, "no points"),
        ('<path d=""/>' * 100_000, "no points"),
        ('<line x2="3"/>' * 100_000, "100,000 points"),
        ("", "no points"),
    ],
)
def test_bad_svg_is_refused(tmp_path, body, words):
    path = write(tmp_path / "a.svg", SVG.format(body))
    with pytest.raises(InputError, match=words) as error:
        read_ink(path)
    assert "a.svg" in one_sentence(error)


def test_json_velocities_are_summed(tmp_path):
    steps = [{"vx": 1, "vy": 0}, {"vx": 2, "vy": -1}]
    (ink,) = read_ink(write(tmp_path / "a.json", json.dumps({"velocities": steps})))
    assert xy(ink) == [[[1, 0], [3, -1]]]


def test_times_start_at_the_first_point(tmp_path):
    text = "[[[0, 0, 1700000000.25], [1, 1, 1700000000.5]]]"
    (ink,) = read_ink(write(tmp_path / "a.json", text))
    assert ink.strokes[0][:, 2].tolist() == [0.0, 0.25]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        "[1, 2]",
        '{"strokes": 5}',
        '{"strokes": {"a": 1}}',
        '{"strokes": [[[0, 0], [1]]]}',
        '{"strokes": [[["a", "b"], [1, 2]]]}',
        '{"velocities": [1, 2]}',
        '{"velocities": [{"x": 1}]}',
        f"[[[0, 0], [1, {'9' * 400}]]]",
        "[" * 100_000,
        "[[[[0, 0], [1, 1]]]]",
        "[[0, 1], [2, 3]]",
        "[[[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]]]",
        '[{"x": [1, 2], "y": [1]}]',
        '{"type": "excalidraw", "elements": [{"type": "freedraw"}]}',
        '{"type": "excalidraw", "elements": [5]}',
        '{"records": [5]}',
        '{"drawing": 5}',
        '[{"path": 5}]',
        "\x00\xff",
    ],
)
def test_json_without_ink_is_refused(tmp_path, text):
    path = write(tmp_path / "bad.json", text)
    with pytest.raises(InputError) as error:
        read_ink(path)
    assert "bad.json" in one_sentence(error)


# The collected CSV


def csv(rows, header="timestamp,velocity_x,velocity_y"):
    return "\n".join([header, *rows, ""])


def test_csv_sums_velocities(tmp_path):
    rows = ["0.00,1,2", "0.01,0.5,-1", "0.02,0,0"]
    (ink,) = read_ink(write(tmp_path / "a.csv", csv(rows)))
    assert xy(ink) == [[[1, 2], [1.5, 1], [1.5, 1]]]
    np.testing.assert_allclose(ink.strokes[0][:, 2], [0, 0.01, 0.02], atol=1e-6)


@pytest.mark.parametrize(
    "stamps",
    [
        ("1700000000.00", "1700000000.01", "1700000000.03"),
        ("1700000000000", "1700000000010", "1700000000030"),
        ("0", "10", "30"),
        ("2024-03-31T01:59:59.990Z", "2024-03-31T02:00:00Z", "2024-03-31 02:00:00.02Z"),
        ("2024-03-31 01:59:59.990", "2024-03-31 02:00:00", "2024-03-31 02:00:00.020"),
    ],
)
def test_csv_timestamps(tmp_path, stamps):
    (ink,) = read_ink(write(tmp_path / "a.csv", csv([f"{s},1,1" for s in stamps])))
    np.testing.assert_allclose(ink.strokes[0][:, 2], [0, 0.01, 0.03], atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + "\n\n  \n,,\n",
        lambda text: text.replace("timestamp", " Timestamp "),
        lambda text: "".join(line + ",9\n" for line in text.splitlines()),
    ],
)
def test_csv_dialects_mean_the_same(tmp_path, change):
    text = csv(["0.00,1,2", "0.01,3,4"])
    (plain,) = read_ink(write(tmp_path / "a.csv", text))
    (other,) = read_ink(write(tmp_path / "b.csv", change(text)))
    assert equal(plain, other)


@settings(max_examples=40, deadline=None)
@given(strokes(), st.sampled_from([64.0, 128.0, 1000.0]))
def test_written_csv_is_read_back_up_to_its_origin(tmp_path_factory, stroke, rate):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    write_csv(path, Ink((stroke,)), rate)
    (read,) = read_ink(path)
    got = read.strokes[0]
    way = (stroke - stroke[0])[:, :2]
    if np.isnan(stroke[0, 2]):
        want = way
    else:
        count = int(np.ceil(stroke[-1, 2] * rate)) + 1
        grid = np.arange(count) / rate
        want = np.stack([np.interp(grid, stroke[:, 2], v) for v in way.T], -1)
        np.testing.assert_allclose(got[:, 2], grid, atol=1e-5)
    np.testing.assert_allclose(got[:, :2], want, atol=1e-2)


def test_written_csv_joins_strokes(tmp_path):
    write_csv(tmp_path / "a.csv", Ink((np.zeros((2, 2)), np.ones((2, 2)))))
    (ink,) = read_ink(tmp_path / "a.csv")
    assert xy(ink) == [[[0, 0], [0, 0], [1, 1], [1, 1]]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "columns '', but needs 'timestamp, velocity_x, velocity_y'"),
        (csv(["0,1,1"], "t,x,y"), "'t, x, y', but needs 'timestamp, velocity_x"),
        (csv(["0;1;1"], "timestamp;velocity_x;velocity_y"), "but needs"),
        (csv([]), "no points"),
        (csv(["0,1,1"]), "one point"),
        (csv(["0,1,1", "1,2"]), "line 3 has 2 cells"),
        (csv(["0,1,1", "1,two,3"]), "line 3, velocity_x is 'two'"),
        (csv(["0,1,1", "", "1,2,nan"]), "line 4, velocity_y is 'nan'"),
        (csv(["0,1,1", "1,2,inf"]), "line 3, velocity_y"),
        (csv(["0,1,1", "1,1e300,3"]), "point 2"),
        (csv(["0,1e308,1", "1,1e308,3"]), "point 1"),
        (csv(["0,1,1", "soon,1,3"]), "line 2 has the timestamp '0'"),
        (csv(["inf,1,1", "-inf,1,3"]), "point 1"),
        (csv([",1,1", ",1,3"]), "timestamp ''"),
        (csv(["0,1,1"] * 100_001), "100,001 rows, above the limit of 100,000"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "not text in UTF-8"),
        (csv(["0,1,\x00"]), "a.csv"),
        (csv([f"0,1,{'1' * 200_000}"]), "not a CSV file"),
    ],
)
def test_bad_csv_is_refused(tmp_path, text, words):
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(InputError, match=words) as error:
        read_ink(path)
    assert "a.csv" in one_sentence(error)


@pytest.mark.parametrize("rate", [0, 1, 1e5, float("nan")])
def test_csv_rate_is_checked(tmp_path, rate):
    with pytest.raises(InputError, match="10 to 10,000 Hz"):
        write_csv(tmp_path / "a.csv", Ink((np.zeros((2, 3)),)), rate)
    assert not any(tmp_path.iterdir())


def test_csv_of_hours_is_refused(tmp_path):
    ink = ink_of([[0, 0, 0], [1, 1, 7200]])
    with pytest.raises(InputError, match=r"720,001 rows, above the limit of 100,000"):
        write_csv(tmp_path / "a.csv", ink)


def test_nothing_is_half_written(tmp_path):
    (tmp_path / "taken.json").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_json(tmp_path / "taken.json", Ink((np.zeros((2, 3)),)))
    with pytest.raises(InputError, match="cannot be written"):
        write_csv(tmp_path / "file" / "a.csv", Ink((np.zeros((2, 3)),)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "taken.json"]


# InkML


def inkml(body: str, attributes: str = "") -> str:
    return f'<ink xmlns="http://www.w3.org/2003/InkML" {attributes}>{body}</ink>'


def read_inkml(tmp_path, body: str) -> Ink:
    (ink,) = read_ink(write(tmp_path / "a.inkml", inkml(body)))
    return ink


XYST = """<definitions><context xml:id="c"><traceFormat>
<channel name="X" type="integer"/><channel name="Y" type="integer"/>
<intermittentChannels><channel name="S1" type="boolean"/>
<channel name="S2" type="boolean"/></intermittentChannels></traceFormat></context>
</definitions>"""


def test_inkml_differences_of_the_recommendation(tmp_path):
    # The trace of section 3.2.1; the points follow from its velocities by hand:
    # (23, 43) (30, 35) (33, 30) (40, 27) (46, 29) (52, 37) (55, 43) (57, 47) ...
    trace = """<trace contextRef="#c">1125 18432,'23'43,"7"-8,3-5,7 -3,6 2,6 8,
    3 6:T,2 4:*T,3 6,3-6:FF</trace>"""
    assert xy(read_inkml(tmp_path, XYST + trace)) == [
        [
            [1125, 18432],
            [1148, 18475],
            [1178, 18510],
            [1211, 18540],
            [1251, 18567],
            [1297, 18596],
            [1349, 18633],
            [1404, 18676],
            [1461, 18723],
            [1521, 18776],
            [1584, 18823],
        ]
    ]


@pytest.mark.parametrize(
    ("trace", "points"),
    [
        ("10 0, 9 14, 8 28", [[10, 0], [9, 14], [8, 28]]),
        (" 10 -.5 ,1e1 5. ", [[10, -0.5], [10, 5]]),
        ("1 1,'2'3,2 3,!7!8,1 1", [[1, 1], [3, 4], [5, 7], [7, 8], [1, 1]]),
        ("1 1,'2 3,1 4", [[1, 1], [3, 3], [4, 4]]),
        ("0 0,3 1,\"1'2,1 2", [[0, 0], [3, 1], [7, 3], [12, 5]]),
        ("5 6,* 7,'1'1,**", [[5, 6], [5, 7], [6, 8], [7, 9]]),
        ("#1F -#a,' - 2 '3", [[31, -10], [29, -7]]),
        ("1-2,3-4", [[1, -2], [3, -4]]),
    ],
)
def test_inkml_values(tmp_path, trace, points):
    assert xy(read_inkml(tmp_path, f"<trace>{trace}</trace>")) == [points]


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.int64, (6, 2), elements=st.integers(-1000, 1000)),
    st.sampled_from(["!", "'", '"']),
)
def test_inkml_encodings_of_the_same_points_agree(tmp_path_factory, points, order):
    v = np.diff(points, axis=0)
    a = np.diff(v, axis=0)
    rows = {
        "!": [*points],
        "'": [points[0], *v],
        '"': [points[0], v[0], *a],
    }[order]
    text = [f"{x} {y}" for x, y in rows]
    if order != "!":
        text[1] = f"'{rows[1][0]} '{rows[1][1]}"
    if order == '"':
        text[2] = f'"{rows[2][0]}"{rows[2][1]}'
    body = f"<trace>{','.join(text)}</trace>"
    ink = read_inkml(tmp_path_factory.mktemp("inkml"), body)
    assert xy(ink) == [points.tolist()]


@pytest.mark.parametrize(
    ("unit", "scale"), [("", 1e-3), ('units="ms"', 1e-3), ('units="s"', 1.0)]
)
def test_inkml_channels_by_name_and_unit(tmp_path, unit, scale):
    body = f"""<context><inkSource><traceFormat><channel name="F"/>
    <channel name="T" {unit}/><channel name="Y"/><channel name="X"/></traceFormat>
    </inkSource></context>
    <trace>0.5 8 2 1, 0.7 '16 4 3</trace>"""
    ink = read_inkml(tmp_path, body)
    assert xy(ink) == [[[1, 2], [3, 4]]]
    np.testing.assert_allclose(ink.strokes[0][:, 2], [0, 16 * scale])


def test_inkml_unknown_time_unit_and_reversed_axis(tmp_path):
    body = """<traceFormat><channel name="X"/><channel name="Y" orientation="-ve"/>
    <channel name="T" units="dev"/></traceFormat><trace>1 2 3, 4 5 6</trace>"""
    ink = read_inkml(tmp_path, body)
    assert xy(ink) == [[[1, -2], [4, -5]]]
    assert np.isnan(ink.strokes[0][:, 2]).all()


def test_inkml_formats_are_found_by_reference(tmp_path):
    body = """<definitions>
    <traceFormat xml:id="yx"><channel name="Y"/><channel name="X"/></traceFormat>
    <inkSource xml:id="pen"><traceFormat><channel name="X"/><channel name="Y"/>
    <channel name="P"/></traceFormat></inkSource>
    <context xml:id="a" traceFormatRef="#yx"/><context xml:id="b" inkSourceRef="#pen"/>
    <context xml:id="c" contextRef="#b"/><context xml:id="loop" contextRef="#loop"/>
    <trace>9 9, 9 9</trace></definitions>
    <traceGroup contextRef="#a"><trace>2 1, 4 3</trace>
    <traceGroup><trace contextRef="#c">5 6 7, 8 9 9</trace></traceGroup></traceGroup>
    <context contextRef="#c"/><trace>1 1 1, 2 2 2</trace>
    <trace contextRef="#loop">3 3 3, 4 4 4</trace>"""
    assert xy(read_inkml(tmp_path, body)) == [
        [[1, 2], [3, 4]],
        [[5, 6], [8, 9]],
        [[1, 1], [2, 2]],
        [[3, 3], [4, 4]],
    ]


@pytest.mark.parametrize(
    ("x", "y"),
    [("100 1/cm", "300 1/cm"), ("10 1/mm", "300 1/cm"), ("254 1/in", "30 1/mm")],
)
def test_inkml_resolutions_give_both_axes_one_unit(tmp_path, x, y):
    rows = "".join(
        f'<channelProperty channel="{axis}" name="resolution" value="{value}" '
        f'units="{unit}"/>'
        for axis, (value, unit) in (("X", x.split()), ("Y", y.split()))
    )
    body = f"""<inkSource xml:id="pen"><traceFormat><channel name="X"/>
    <channel name="Y"/></traceFormat><channelProperties>{rows}</channelProperties>
    </inkSource><context inkSourceRef="#pen"/><trace>0 0, 100 300</trace>"""
    ((_, (width, height)),) = xy(read_inkml(tmp_path, body))
    assert height == pytest.approx(width, rel=1e-5)


def test_inkml_runs_of_spaces_are_read_at_once(tmp_path):
    started = time.perf_counter()
    with pytest.raises(InputError, match="point 1 reads"):
        read_inkml(tmp_path, f"<trace>1 {' ' * 50_000}x, 2 2</trace>")
    assert time.perf_counter() - started < 2


def test_inkml_continuations_and_pen_ups(tmp_path):
    body = """<trace xml:id="a" continuation="begin">0 0, 1 0</trace>
    <trace type="penUp">7 7, 8 8</trace><trace type="penDown">5 5, 6 6</trace>
    <trace xml:id="b" continuation="middle" priorRef="#a">2 0</trace>
    <trace continuation="end" priorRef="#b">3 0</trace>"""
    assert xy(read_inkml(tmp_path, body)) == [
        [[0, 0], [1, 0], [2, 0], [3, 0]],
        [[5, 5], [6, 6]],
    ]


BOMB = '<!DOCTYPE i [<!ENTITY a "1 1,"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB + inkml("<trace>&b;1 1</trace>"), "document type"),
        ('<!DOCTYPE i SYSTEM "file:///etc/passwd">' + inkml(""), "document type"),
        ("<ink><trace>0 0, 1 1</trace>", "well-formed"),
        ("", "well-formed"),
        ("<svg/>", "'svg'"),
        (inkml(""), "no points"),
        (inkml("<trace>1 2</trace>"), "one point"),
        (inkml("<trace>1 2, 3</trace>"), "trace 1, point 2 has 1 values.*X, Y"),
        (inkml("<trace>10 0 9 14</trace>"), "has 4 values.*commas"),
        (inkml("<trace>1 2, 3 x</trace>"), "point 2 reads '3 x'"),
        (inkml("<trace>1 2, 3 ?</trace>"), "point 2 is x 3, y nan"),
        (inkml("<trace>* *, 1 1</trace>"), "point 1 is x nan"),
        (inkml("<trace>1 2, 3 1e999</trace>"), "y inf"),
        (inkml('<trace continuation="end" priorRef="#q">1 1</trace>'), "'q'"),
        (inkml("<traceGroup>" * 50 + "</traceGroup>" * 50), "deeper than 32"),
        (inkml(f"<trace>{'1 1,' * 100_001}1 1</trace>"), "100,002 points, above"),
        (inkml("<trace>1 1, 2 2</trace>" * 1_001), "1,001 strokes, above"),
        (
            inkml('<traceFormat><channel name="X"/></traceFormat><trace>1</trace>'),
            "channels 'X'; X and Y",
        ),
        (
            inkml(
                "<traceFormat>"
                + '<channel name="X"/><channel name="Y"/>' * 40
                + "</traceFormat><trace>1 2</trace>"
            ),
            "80 channels, above the limit of 64",
        ),
    ],
)
def test_bad_inkml_is_refused(tmp_path, text, words):
    path = write(tmp_path / "a.inkml", text)
    with pytest.raises(InputError, match=words) as error:
        read_ink(path)
    assert "a.inkml" in one_sentence(error)


# UNIPEN

HEAD = ".VERSION 1.0\n.HIERARCHY WORD CHARACTER\n.COORD X Y T\n"
PEN = """.PEN_DOWN
0 0 0
1 2 10
.PEN_UP
5 5 20
.PEN_DOWN
.PEN_DOWN
6 6 30
7 7 40
8 8 50
.DT 100
.PEN_DOWN
9 9 150
"""


def read_text(tmp_path, text, **options):
    segments = read_unipen(write(tmp_path / "a.dat", text), **options)
    return [(xy(ink), label) for ink, label in segments]


def test_unipen_without_segments_is_one_ink_with_y_down(tmp_path):
    ((ink, label),) = read_unipen(write(tmp_path / "a.dat", HEAD + PEN))
    assert label is None
    assert xy(ink) == [[[0, 0], [1, -2]], [[6, -6], [7, -7], [8, -8]], [[9, -9]]]
    np.testing.assert_allclose(
        np.concatenate(ink.strokes)[:, 2], [0, 0.01, 0.03, 0.04, 0.05, 0.15], atol=1e-6
    )


@pytest.mark.parametrize(
    ("delineation", "points"),
    [
        ("0-1", [[[0, 0], [1, -2]]]),
        ("0,3", [[[0, 0], [1, -2]], [[9, -9]]]),
        ("0:1-2:1", [[[1, -2]], [[6, -6], [7, -7]]]),
        ("2:1-2:2", [[[7, -7], [8, -8]]]),
        ("2:1", [[[7, -7], [8, -8]]]),
        ("3,2:2", [[[9, -9]], [[8, -8]]]),
        ("3", [[[9, -9]], [[9, -9]]]),
    ],
)
def test_unipen_delineations_count_pen_ups_but_no_empty_components(
    tmp_path, delineation, points
):
    text = f'{HEAD}.SEGMENT CHARACTER {delineation} OK "x"\n{PEN}'
    assert read_text(tmp_path, text) == [(points, "x")]


def test_unipen_labels_levels_and_sets(tmp_path):
    text = (
        HEAD
        + '.SEGMENT WORD 0-2 ? "to"\n.SEGMENT CHARACTER 0 ? "\\""\n'
        + '.SEGMENT CHARACTER 2 GOOD "a\\\\b"\n'
        + PEN
        + ".START_SET two\n.SEGMENT CHARACTER 0 BAD\n"
        + PEN
    )
    line, curve = [[0, 0], [1, -2]], [[6, -6], [7, -7], [8, -8]]
    assert read_text(tmp_path, text) == [
        ([line], '"'),
        ([curve], "a\\b"),
        ([line], None),
    ]
    assert read_text(tmp_path, text, level="WORD") == [([line, curve], "to")]
    with pytest.raises(InputError, match="CHARACTER, WORD"):
        read_text(tmp_path, text, level="LINE")


def test_unipen_segments_without_delineation_take_what_follows(tmp_path):
    pen = ".PEN_DOWN\n0 0\n1 1\n.PEN_UP\n"
    text = f'.SEGMENT CHARACTER ? ? "a"\n{pen}.SEGMENT CHARACTER\n{pen}{pen}'
    line = [[0, 0], [1, -1]]
    assert read_text(tmp_path, text) == [([line], "a"), ([line, line], None)]


def test_unipen_units_rate_line_ends_and_channels(tmp_path):
    text = """.COMMENT free
 text with .PEN_DOWN in it
.COORD P Y X
.X_POINTS_PER_INCH 200
.Y_POINTS_PER_INCH 100
.POINTS_PER_SECOND 50
.PEN_DOWN
0 1 2
0 3 4
.PEN_UP 0 1 1
.PEN_DOWN 0 5 6
"""
    path = write(tmp_path / "a.unp", text.replace("\n", "\r\n"))
    (ink,) = read_ink(path)
    assert xy(ink) == [[[2, -2], [4, -6]], [[6, -10]]]
    np.testing.assert_allclose(np.concatenate(ink.strokes)[:, 2], [0, 0.02, 0.06])


def test_unipen_includes_come_from_the_files_folder_or_a_given_root(tmp_path):
    main = '.INCLUDE pen/data.dat\n.SEGMENT CHARACTER 0 ? "a"\n'
    for folder in ("here", "there"):
        (tmp_path / folder / "pen").mkdir(parents=True)
    write(tmp_path / "here" / "pen" / "data.dat", ".PEN_DOWN\n0 0\n1 1\n")
    write(tmp_path / "there" / "pen" / "data.dat", ".PEN_DOWN\n0 0\n2 2\n")
    path = write(tmp_path / "here" / "a.dat", main)
    ((ink, label),) = read_unipen(path)
    assert (xy(ink), label) == ([[[0, 0], [1, -1]]], "a")
    ((ink, _),) = read_unipen(path, root=tmp_path / "there")
    assert xy(ink) == [[[0, 0], [2, -2]]]


def test_unipen_includes_cannot_leave_the_folder(tmp_path):
    secret = write(tmp_path / "secret.dat", ".PEN_DOWN\n0 0\n1 1\n")
    home = tmp_path / "home"
    home.mkdir()
    (home / "link.dat").symlink_to(secret)
    for name in ("../secret.dat", str(secret), "link.dat", "x/../../secret.dat"):
        path = write(home / "a.dat", f".INCLUDE {name}\n")
        with pytest.raises(InputError, match="outside the folder") as error:
            read_unipen(path)
        one_sentence(error)


def test_unipen_includes_are_bounded(tmp_path, monkeypatch):
    path = write(tmp_path / "a.dat", ".INCLUDE a.dat\n")
    with pytest.raises(InputError, match="5 deep"):
        read_unipen(path)
    write(tmp_path / "empty.dat", "")
    write(path, ".INCLUDE empty.dat\n" * 200)
    with pytest.raises(InputError, match="101 files"):
        read_unipen(path)
    monkeypatch.setattr(unipen, "MAX_BYTES", 1000)
    write(tmp_path / "long.dat", ".COMMENT\n" + " " * 900)
    write(path, ".INCLUDE long.dat\n" * 2)
    with pytest.raises(InputError, match="limit 1,000"):
        read_unipen(path)
    write(path, ".INCLUDE missing.dat\n")
    with pytest.raises(InputError, match="not in the folder"):
        read_unipen(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (".VERSION 1.0\n", "no ink"),
        (".COORD X T\n.PEN_DOWN\n1 1\n2 2\n", "X and Y are needed"),
        (".PEN_DOWN\n1 1\n2\n", "component 0 has 3 numbers"),
        (".PEN_DOWN\n1 1\n2 b\n", "component 0.*'b'"),
        (".PEN_DOWN\n1 1\n2 nan\n", "component 0 has a number that is not finite"),
        (".PEN_DOWN\n1 1\n2 1e30\n", "above 1e\\+12"),
        (".PEN_DOWN\n1 1\n2 1e9\n", "stroke 1, point 2"),
        ('.SEGMENT C 0-3 ? "a"\n.PEN_DOWN\n1 1\n2 2\n', "components 0 to 3 of a set"),
        ('.SEGMENT C 1-0 ? "a"\n.PEN_DOWN\n1 1\n2 2\n', "components 1 to 0"),
        ('.SEGMENT C a-b ? "a"\n.PEN_DOWN\n1 1\n2 2\n', "0-2,5"),
        ('.SEGMENT C 0 ? "a"\n.PEN_UP\n1 1\n2 2\n', r"segment 0 \('a'\) has no points"),
        (".SEGMENT C\n", "0-2,5"),
        (".SEGMENT C\n.PEN_DOWN 1 1 2 2\n" * 50_001, "50,001 segments, above"),
        (".PEN_DOWN\n" + "x" * 10_000, "component 0 has something"),
        (f".SEGMENT C {'0,' * 2000}0\n.PEN_DOWN\n1 1\n2 2\n", "1,000 strokes"),
    ],
)
def test_bad_unipen_is_refused(tmp_path, text, words):
    path = write(tmp_path / "a.dat", text)
    with pytest.raises(InputError, match=words) as error:
        read_unipen(path)
    assert "a.dat" in one_sentence(error)


def test_unipen_segments_may_not_multiply_points(tmp_path, monkeypatch):
    monkeypatch.setattr(unipen, "MAX_TOTAL_POINTS", 100)
    text = ".SEGMENT C 0 ?\n" * 20 + ".PEN_DOWN\n" + "1 1\n" * 10
    with pytest.raises(InputError, match="100 points in all"):
        read_text(tmp_path, text)


# Every format


def test_check_ink_keeps_legal_ink_and_drops_empty_strokes():
    tap = Ink((np.zeros((0, 3)), np.full((2, 2), 5)))
    (stroke,) = check_ink(tap, "here").strokes
    assert stroke.dtype == np.float32
    np.testing.assert_array_equal(stroke, [[5, 5, np.nan]] * 2)
    assert equal(check_ink(Ink((stroke,)), "here"), Ink((stroke,)))


@pytest.mark.parametrize(
    ("ink", "words"),
    [
        (Ink(()), "here has no points"),
        (Ink((np.zeros((0, 3)),)), "no points"),
        (Ink((np.zeros((1, 3)),)), "one point.*2"),
        (
            ink_of([[0, 0], [0, 0]], [[0, np.nan], [0, 0]]),
            "stroke 2, point 1.*nan",
        ),
        (ink_of([[0, 0, 0], [np.inf, 0, 0]]), "stroke 1, point 2 is x inf"),
        (ink_of([[0, 0, 0], [0, 0, np.inf]]), "t inf"),
        (ink_of([[0, 0, 0], [2e7, 0, 0]]), "1e\\+07"),
        (Ink((np.zeros((10**6, 3)),)), "1,000,000 points, above the limit of 100,000"),
        (Ink((np.zeros((2, 3)),) * 1001), "1,001 strokes, above the limit of 1,000"),
        (Ink((np.zeros((2, 5)),)), r"shape \(2, 5\)"),
        (Ink((np.zeros(4),)), r"shape \(4,\)"),
    ],
)
def test_check_ink_refuses(ink, words):
    with pytest.raises(InputError, match=words) as error:
        check_ink(ink, "here")
    one_sentence(error)


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.inkml", "a.unp", "a", "a.npz"])
def test_huge_missing_and_irregular_files_are_refused_before_reading(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(InputError, match="does not exist"):
        read_ink(path)
    with path.open("wb") as file:
        file.truncate(70 * 2**20)
    limit = "64 MiB" if name in ("a", "a.npz") else "8 MiB"
    with pytest.raises(InputError, match=f"70.0 MiB, above the limit of {limit}"):
        read_ink(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_ink(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(InputError, match="not a regular file"):
        read_ink(path)


VALID = [
    "[[[0, 0, 0.5], [1, 1, 1]]]",
    '{"velocities": [{"vx": 1, "vy": 0}, {"vx": 1, "vy": 1}]}',
    inkml(XYST + "<trace contextRef='#c'>0 0,'1 '1,\"2 \"3:T,* *</trace>"),
    HEAD + '.SEGMENT CHARACTER 0:1-2:1,3 OK "a"\n' + PEN,
    csv(["0.5,0,0", "0.75,1e2,-1"]),
]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_is_ink_or_one_sentence(tmp_path_factory, data):
    content = data.draw(st.sampled_from(VALID)).encode()
    start, stop = sorted(data.draw(st.integers(0, len(content))) for _ in range(2))
    patch = data.draw(st.binary(max_size=4) | st.sampled_from([b"-", b"9" * 30, b","]))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[:start] + patch + content[stop:])
    try:
        inks = read_ink(path)
    except InputError as error:
        message = str(error)
        assert message.endswith(".") and "\n" not in message and len(message) < 500
    else:
        assert inks and all(equal(check_ink(ink, ""), ink) for ink in inks)


@pytest.mark.parametrize("suffix", ["", ".csv", ".json", ".inkml", ".unp", ".npz"])
@pytest.mark.parametrize("data", [b"", b"\0", b"\n", b"\xff\xfe", b"PK\x03\x04"])
def test_files_of_nothing_are_refused(tmp_path, data, suffix):
    with pytest.raises(InputError) as error:
        read_ink(write(tmp_path / f"nothing{suffix}", data))
    one_sentence(error)


def test_a_pack_of_no_samples_has_no_ink(tmp_path):
    write_packed(tmp_path / "set.npz", pack([]))
    assert len(read_packed(tmp_path / "set.npz")[0].points) == 0
    with pytest.raises(InputError, match="no ink"):
        read_ink(tmp_path / "set.npz")


def test_content_decides_where_the_suffix_says_nothing(tmp_path):
    line = [[[0, 0], [1, 1]]]
    texts = [
        "[[[0, 0], [1, 1]]]",
        inkml("<trace>0 0, 1 1</trace>"),
        "\n.PEN_DOWN\n0 0\n1 -1\n",
        csv(["0,0,0", "1,1,1"]),
    ]
    for text in texts:
        (ink,) = read_ink(write(tmp_path / "ink.txt", text))
        assert xy(ink) == line
    with (tmp_path / "ink.bin").open("wb") as file:
        np.savez(file, **GOOD)
    assert len(read_ink(tmp_path / "ink.bin")) == 2


# Folders


@pytest.mark.parametrize("symbol", [*STROKES, "alpha", "ß", "+", "u", "uB2"])
def test_folders_name_their_symbols(symbol):
    folder = symbol_folder(symbol)
    assert folder_symbol(folder) == symbol


def test_folders_differ_where_case_does_not():
    folders = {symbol_folder(symbol).lower() for symbol in STROKES}
    assert len(folders) == len(STROKES)


@pytest.mark.parametrize(
    ("folder", "symbol"), [("uA", "A"), ("d0", "0"), ("0", "0"), ("space", "space")]
)
def test_folder_names(folder, symbol):
    assert folder_symbol(folder) == symbol


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "a\\b", "\n", " "])
def test_names_that_are_no_folders_are_refused(name):
    with pytest.raises(InputError):
        folder_symbol(name)


def test_no_other_codes_are_read_from_a_folder():
    assert folder_symbol("a%2F%0A%41") == "a/%0A%41"


@pytest.mark.parametrize("symbol", ["", "\n", " "])
def test_what_is_no_symbol_has_no_folder(symbol):
    with pytest.raises(InputError):
        symbol_folder(symbol)


@pytest.mark.parametrize(
    ("symbol", "folder"),
    [
        ("/", "%2F"),
        ("and/or", "and%2For"),
        ("..", "%2E%2E"),
        ("a\\b", "a%5Cb"),
        ("50%", "50%25"),
        ("%2F", "%252F"),
        ("é/ü", "é%2Fü"),
    ],
)
def test_any_symbol_has_a_folder(symbol, folder, tmp_path):
    assert symbol_folder(symbol) == folder
    assert folder_symbol(folder) == symbol
    (tmp_path / folder).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [folder]


@pytest.mark.parametrize("symbol", ["uA", "d7"])
def test_symbols_that_would_share_a_folder_are_refused(symbol):
    with pytest.raises(InputError, match="another name"):
        symbol_folder(symbol)


@pytest.mark.skipif(not DATA, reason="STROKEJAX_DATA is not set: no real ink to read")
def test_real_packed_ink_reads():
    whole, columns = read_packed(Path(DATA or "") / "unipen_alnum_dev.npz")
    n = len(whole.sample_start) - 1
    assert n == len(columns["label"]) == len(columns["writer"]) == 75_207
    for i in range(0, n, 5_000):
        check_ink(unpack(whole, i), f"sample {i}")
