"""Which groups of letters are lines: the best of those that overlap, complete."""

import numpy as np

from strokejax.pictures.text_groups_text_groups import Group

MOST = 64
CLEARLY = 20.0
"""Contrast over deviation of a single letter, where there is nothing else; of several
that look less like text, half of it."""
CERTAIN = 8.0
"""And of what is taken for text however faint it is."""


def lines_of(groups: list[Group]) -> list[Group]:
    """At most `MOST` groups apart from each other, with dots, accents and marks."""
    found = [cell for group in _apart(groups) for cell in _cells(group)]
    return _apart(_with_marks(found))


def _apart(groups: list[Group]) -> list[Group]:
    """The best of those that overlap, best first."""
    likely = [group for group in groups if group.sure >= 0]
    best = max((group.contrast for group in likely), default=0.0)
    likely = [g for g in likely if g.clear > CERTAIN or g.contrast > _needed(g) * best]
    groups = likely or [
        g for g in groups if g.clear > (CLEARLY if g.sure < -1 else CLEARLY / 2)
    ]
    full = _holds_text(groups)
    groups = [groups[i] for i in np.flatnonzero(~full)]
    boxes = np.array([group.box for group in groups]).reshape(-1, 4)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    worth = np.array([(group.sure + 3) * group.contrast**1.5 for group in groups])
    order = np.argsort(-worth * np.sqrt(area), kind="stable")
    kept: list[int] = []
    for i in order:
        shared = _shared(boxes[i], boxes[kept])
        if not (shared > 0.4 * np.minimum(area[i], area[kept])).any():
            kept.append(int(i))
        if len(kept) == MOST:
            break
    return [groups[i] for i in (kept if likely else kept[:1])]


def _holds_text(groups: list[Group]) -> np.ndarray:
    """bool[n]: whether a group is no text but holds some, as buttons do."""
    boxes = np.array([group.box for group in groups]).reshape(-1, 4)
    tall = boxes[:, 3] - boxes[:, 1]
    area = tall * (boxes[:, 2] - boxes[:, 0])
    contrast = np.array([group.contrast for group in groups])
    sheet = np.unique([id(group.parts) for group in groups], return_inverse=True)[1]
    count = np.array([_letters(group) for group in groups])
    text = (count > 2) & np.array([group.sure > 0.6 for group in groups], bool)
    found = []
    for i, group in enumerate(groups):
        inner = text & (tall < 0.5 * tall[i]) & (contrast > 0.5 * contrast[i])
        inner &= _shared(boxes[i], boxes) > 0.8 * area
        letters = np.bincount(sheet[inner], count[inner], 1).max()
        own = len(group.members)
        few = 2 * own if _fill(group) > 0.55 else 4 * own + 4
        found.append(bool(letters > few))
    return np.array(found, bool)


def _letters(group: Group) -> float:
    """About how many: a piece may be a word."""
    parts, members = group.parts, group.members
    wide = parts.width[members] / parts.height[members]
    return float(np.maximum(1, wide / 0.8).sum())


def _fill(group: Group) -> float:
    parts, members = group.parts, group.members
    room = (parts.width * parts.height)[members].sum()
    return float(parts.area[members].sum() / room)


def _needed(group: Group) -> float:
    """The contrast of few letters on uneven paper, of that of the clearest line."""
    count = len(group.members)
    return 0.45 if count < 3 else 0.3 if count < 8 else 0.1


def _shared(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """f64[n]: the area that a box f64[4] shares with each of f64[n 4]."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    return np.prod(np.maximum(high - low, 0), axis=1)


def _cells(group: Group) -> list[Group]:
    """The group in parts where rules of a table stand between its letters."""
    parts, m = group.parts, group.members[np.argsort(group.parts.x0[group.members])]
    left, _, top, bottom = group.band
    ends = np.maximum.accumulate(parts.x1[m])[:-1]
    cuts = []
    for k in np.flatnonzero(parts.x0[m][1:] - ends > 0.5 * (bottom - top)):
        a, b = int(ends[k]), int(parts.x0[m[k + 1]])
        down = group.slope * ((a + b) / 2 - left)
        rows = slice(max(0, int(top + down)), max(0, int(bottom + down)))
        gap = parts.labels[rows, a:b]
        rules = gap[len(gap) // 2, (gap > 0).all(0)] - 1 if gap.size else gap
        if (parts.height[rules] > 1.5 * (bottom - top)).any():
            cuts.append(k + 1)
    if not cuts:
        return [group]
    return [_part(group, members) for members in np.split(m, cuts)]


def _part(group: Group, members: np.ndarray) -> Group:
    parts, (left, _, top, bottom) = group.parts, group.band
    x0, x1 = float(parts.x0[members].min()), float(parts.x1[members].max())
    down = group.slope * (x0 - left)
    band = np.array([x0, x1, top + down, bottom + down])
    return group._replace(members=members, band=band)


def _with_marks(groups: list[Group]) -> list[Group]:
    """Each group completed by what no other one of its parts has."""
    done = []
    for group in groups:
        others = [g.members for g in groups if g.parts is group.parts]
        done.append(_completed(group, np.concatenate(others)))
    return done


def _completed(group: Group, taken: np.ndarray) -> Group:
    """With dots, accents and marks; `taken` pieces belong to other lines."""
    parts = group.parts
    left, right, top, bottom = group.band
    tall = bottom - top
    x, y = (parts.x0 + parts.x1) / 2, (parts.y0 + parts.y1) / 2
    y = y - group.slope * (x - left)
    good = (y > top - 0.45 * tall) & (y < bottom + 0.3 * tall)
    good &= (parts.x0 > left - 0.8 * tall) & (parts.x1 < right + 0.8 * tall)
    good &= (parts.height < 1.5 * tall) & (parts.width < 3 * tall)
    good &= parts.area > max(1, 0.002 * tall**2)
    good &= parts.contrast > 0.4 * np.median(parts.contrast[group.members])
    good[taken] = False
    good[group.members] = True
    return group._replace(members=np.flatnonzero(good))
