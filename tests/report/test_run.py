"""The report: one whole, closed page that shows what it was given."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from strokejax.evaluation.scores import margins, summary
from strokejax.report import charts
from strokejax.report import drawings as figures
from strokejax.report.run import write_report
from strokejax.table.symbols import STROKES

VOID = {"meta", "img", "br", "link", "input"}
HOSTILE = '<script>alert("1")</script>'


class Page(HTMLParser):
    """Reads a page, refuses tags that do not match, and keeps what tests ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.titles = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "title":
            self.titles.append(data)
        elif "style" not in self.open and data.strip():
            self.text.append(data.strip())

    def having(self, tag, **attributes):
        return [
            found
            for name, found in self.tags
            if name == tag and attributes.items() <= found.items()
        ]


def run(symbols=STROKES, n=400, epochs=3, shown=4, seed=0):
    """The arguments of a plausible report."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(len(symbols), 8))
    truth = rng.integers(0, len(symbols), n).astype(np.int32)
    z = (centre[truth] + 0.9 * rng.normal(size=(n, 8))).astype(np.float32)
    distance = ((z[:, None] - centre) ** 2).sum(-1)
    ranked = np.argsort(distance, axis=1)[:, :5].astype(np.int32)
    images = rng.random((n, 28, 28)).astype(np.float32) ** 4
    names = np.array(symbols)
    history = [
        {"step": s, "time": 0.0, "loss": 3 / (s + 1), "learning_rate": 1e-3}
        for s in range(20)
    ]
    history[3]["loss"] = None
    history.append({"step": 19, "valid_loss": 0.7, "valid_top1": 0.8125})
    timeline = [
        {
            "epoch": epoch + 1,
            "answers": [symbols[i] for i in truth[:shown]],
            "right": [i > epoch for i in range(shown)],
        }
        for epoch in range(epochs)
    ]
    return {
        "title": "finetune on synthetic",
        "config": {"seed": 3, "optim": {"learning_rate": 3e-4, "train": "all"}},
        "history": history,
        "symbols": symbols,
        "truth": truth,
        "ranked": ranked,
        "z": z,
        "images": images,
        "timeline": timeline,
        "timeline_images": images[:shown],
        "summary": summary(names[ranked], names[truth], truth % 7, "writer"),
        "seconds": 3725.4,
        "command": "python -m strokejax.launch --config=configs/finetune.py",
    }


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, **run())
    return Page(path.read_text("utf-8"))


def test_the_page_needs_nothing_from_outside_and_runs_nothing(tmp_path):
    write_report(tmp_path / "report.html", **run())
    text = (tmp_path / "report.html").read_text("utf-8")
    page = Page(text)
    assert not re.search(
        r"https?:|//|url\(|@import", re.sub(r'src="data:[^"]*"', "", text)
    )
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "base"}
        assert not [name for name in attributes if name.startswith("on")]
        if "href" in attributes:
            assert attributes["href"].startswith("#part")
        if "src" in attributes:
            assert attributes["src"].startswith("data:image/png;base64,")
    (policy,) = page.having("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'")


def test_headline_and_sections(page):
    given = run()["summary"]
    low, high = (100 * edge for edge in given["interval95"])
    for shown in (
        f"{100 * given['top1']:.1f} %",
        f"95 % interval {low:.1f} to {high:.1f}",
        f"{100 * given['twins_merged']:.1f} %",
        "400",
        "1:02:05",
        "finetune on synthetic",
        "optim.learning_rate",
        "0.0003",
        "python -m strokejax.launch --config=configs/finetune.py",
        "valid top1",
        "0.812",
    ):
        assert shown in page.text, shown
    links = [found["href"][1:] for found in page.having("a")]
    assert links == [found["id"] for found in page.having("section")]
    assert len(links) == 7


def test_confusions_are_those_of_the_answers(page):
    given = run()
    cells = [said for said in page.titles if re.search(r" → .*: \d+ of \d+$", said)]
    total = sum(int(said.rsplit(": ", 1)[1].split(" of ")[0]) for said in cells)
    assert total == len(given["truth"])
    right = len(page.having("rect", **{"class": "good"}))
    hits = given["truth"][given["ranked"][:, 0] == given["truth"]]
    assert right == len(np.unique(hits))


def test_the_timeline_marks_right_and_wrong_in_words_too(page):
    right, wrong = (page.having("td", **{"class": kind}) for kind in ("yes", "no"))
    marks = [text[0] for text in page.text if text[0] in "✓✗" and len(text) > 1]
    # Stroke i is right after epoch e where i > e: 3 + 2 + 1 of 12.
    assert (len(right), len(wrong)) == (6, 6)
    assert (marks[:12].count("✓"), marks[:12].count("✗")) == (6, 6)


def test_mistakes_are_drawn_and_only_mistakes(page):
    given = run()
    wrong = int((given["ranked"][:, 0] != given["truth"]).sum())
    drawn = page.having("img", **{"class": "ink"})
    assert len(drawn) == min(60, wrong) + 4
    assert any(f"{min(60, wrong)} of {wrong} mistakes" in text for text in page.text)


def test_the_worst_mistakes_come_first(tmp_path):
    given = run()
    write_report(tmp_path / "report.html", **given)
    text = (tmp_path / "report.html").read_text("utf-8")
    truth, first = given["truth"], given["ranked"][:, 0]
    apart = np.where(truth == first, -9, margins(given["z"], truth, first))
    expected = [(STROKES[truth[i]], STROKES[first[i]]) for i in np.argsort(-apart)[:20]]
    found = re.findall(r"<figcaption>(\w+) → <em>(\w+)</em>", text)
    assert found[:20] == expected


def test_a_symbol_and_a_title_cannot_become_markup(tmp_path):
    symbols = (HOSTILE, "a&b", '"><img onerror=x>', "'", "$title")
    given = run(symbols) | {"title": HOSTILE, "command": HOSTILE}
    given["config"] = {HOSTILE: {"x": HOSTILE}}
    given["history"].append({"step": 20, f"loss{HOSTILE}": 1.0})
    given["summary"]["worst_writers"][0]["group"] = HOSTILE
    write_report(tmp_path / "report.html", **given)
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert not page.having("script")
    assert not [1 for _, found in page.tags if "onerror" in found]
    assert HOSTILE in page.titles and HOSTILE in page.text
    assert "$title" in page.text


def test_a_large_run_makes_a_page_that_can_be_mailed(tmp_path):
    given = run(n=12_000, epochs=100, shown=24)
    write_report(tmp_path / "report.html", **given)
    assert (tmp_path / "report.html").stat().st_size < 1_500_000


@pytest.mark.parametrize("classes", [1, 2, 300])
def test_few_and_many_symbols(tmp_path, classes):
    write_report(tmp_path / "report.html", **run([f"s{i}" for i in range(classes)]))
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    if classes > figures.MATRIX_LIMIT:
        assert any("symbols most often confused" in text for text in page.text)


def test_an_unhappy_run_still_has_a_report(tmp_path):
    given = run(n=5) | {"history": [], "timeline": []}
    given["z"][:] = np.nan
    given["ranked"][:, 1:] = -1
    given["ranked"][0, 0] = -1
    given["images"][0] = np.nan
    write_report(tmp_path / "report.html", **given)
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert "no answer" in page.text


def test_a_failed_report_leaves_the_old_one(tmp_path):
    path = tmp_path / "report.html"
    write_report(path, **run())
    before = path.read_bytes()
    with pytest.raises(KeyError):
        write_report(path, **(run(seed=1) | {"summary": {}}))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@given(
    low=st.floats(-1e6, 1e6, allow_subnormal=False),
    span=st.floats(1e-3, 1e6),
    count=st.integers(2, 8),
)
def test_ticks_are_round_few_and_inside(low, span, count):
    high = low + span
    found = charts.ticks(low, high, count)
    slack = 1e-6 * (high - low) + 1e-9 * abs(low)
    assert 1 <= len(found) <= count + 2
    assert all(low - slack <= tick <= high + slack for tick in found)
    gaps = np.diff(found)
    if len(gaps):
        digits = gaps[0] / 10 ** np.floor(np.log10(gaps[0]) + 1e-6)
        assert min(abs(digits - m) for m in (1, 2, 2.5, 5, 10)) < 1e-3


@given(values=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=900))
def test_thinning_keeps_the_mean_of_equal_parts_and_short_lines_whole(values):
    points = list(enumerate(values))
    found = charts.downsample(points, 300)
    assert len(found) == min(300, len(points))
    if len(points) <= 300:
        np.testing.assert_array_equal(found, np.array(points, float))
    if len(points) % 300 == 0:
        assert found[:, 1].mean() == pytest.approx(np.mean(values), abs=1e-9)
    assert (np.diff(found[:, 0]) > 0).all()


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(3, 30), d=st.integers(2, 6))
def test_the_principal_plane_follows_rigid_motions_and_holds_most_variance(seed, n, d):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, d)) * np.arange(d, 0, -1)
    turn, _ = np.linalg.qr(rng.normal(size=(d, d)))
    xy, share = figures.principal_plane(z)
    moved, same = figures.principal_plane(z @ turn + 7)
    assert same == pytest.approx(share)
    np.testing.assert_allclose(abs(moved), abs(xy), atol=1e-6 * abs(xy).max())
    order = rng.permutation(n)
    shuffled, _ = figures.principal_plane(z[order])
    np.testing.assert_allclose(shuffled, xy[order], atol=1e-6 * abs(xy).max())
    variance = z.var(0)
    assert share >= np.sort(variance)[-2:].sum() / variance.sum() - 1e-9
    assert xy.var(0).sum() == pytest.approx(share * variance.sum())


def test_spread_names_lie_apart():
    places = np.random.default_rng(0).normal(size=(63, 2)) * 30
    found = figures.spread(places)
    distance = np.linalg.norm(found[:, None] - found, axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert distance.min() > 12
    alone = np.array([[0.0, 0.0], [500.0, 0.0]])
    np.testing.assert_allclose(figures.spread(alone), alone, atol=0.01)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.8125, "0.812"),
        (12_000, "12,000"),
        (3e-4, "3e-4"),
        (6.854e-9, "6.85e-9"),
        (-0.5, "-0.5"),
    ],
)
def test_numbers_are_short(value, text):
    assert charts.number(value) == text


def test_a_picture_survives_its_journey():
    image = np.random.default_rng(0).random((9, 7)).astype(np.float32)
    (found,) = Page(figures.image_tag(image, 'a"b')).having("img")
    assert found["alt"] == 'a"b'
    data = base64.b64decode(found["src"].split(",")[1])
    read = np.asarray(Image.open(io.BytesIO(data))) / 255
    np.testing.assert_allclose(read, image, atol=0.002 + 1e-6)
