"""Events of a pen or mouse in, symbols out while the hand still moves; numpy only.

Time is the events' own. A symbol ends at a moment that its last event has fixed, so it
matters neither in which portions events come nor how often somebody looks at the clock.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from strokejax.ink.resample import longer_side
from strokejax.table.knn import Answer
from strokejax.table.symbols import SPACE
from strokejax.tasks.symbols.live.endings import ink_features, starts_new, wait
from strokejax.tasks.symbols.live.events import Events, Strokes, check_events, to_ink
from strokejax.types import Ink

# How large a writer's letters are, from those just drawn; numpy only.


WINDOW = 31
"""Symbols back that are looked at: who moves to a larger sheet is soon known anew."""
ENOUGH = 3
"""Symbols without which nothing is known. By `benchmarks/usual_size.py`, of held-out
letters 0.844 are right beside so many; beside one 0.836, but with more mistakes beyond
twins than without any, which gives 0.830."""


def with_size(
    sizes: tuple[float, ...], ink: Ink, symbols: tuple[str, ...]
) -> tuple[float, ...]:
    """The longer sides of the last symbols, with one more; spaces and taps have none.

    `symbols` are what the ink was taken for, best first.
    """
    side = longer_side(ink)
    if side == 0 or symbols[:1] == (SPACE,):
        return sizes
    return (*sizes, side)[-WINDOW:]


def usual_size(sizes: tuple[float, ...]) -> float | None:
    """The median of longer sides, None where too few are known."""
    return median(sizes) if len(sizes) >= ENOUGH else None


class Settings(NamedTuple):
    """How a stream is cut into symbols; times in seconds."""

    pause: float = 0.5
    """Without motion while the pen is down: the end of a symbol (mice never lift)."""
    lifted: float | None = None
    """With the pen up: the end of a symbol; None asks the learned model of endings."""
    risk: float = 0.05
    """How probable one more stroke may still be when that model ends a symbol."""
    interval: float = 0.03
    """At the least between two answers while the pen is down."""
    still: float = 0.01
    """A move is motion from this share of the symbol's longer side on."""
    k: int = 5
    """Symbols in an answer."""
    usual_size: float | None = None
    """Longer side of the writer's usual letter; None measures the last symbols."""
    max_points: int = 5_000
    max_strokes: int = 100
    max_seconds: float = 60.0


DEFAULTS = Settings()


class Hypothesis(NamedTuple):
    """What a symbol seems to be."""

    id: int
    """Of the symbol: 0, 1, ... in the order of their drawing."""
    final: bool
    answer: Answer
    ink: Ink
    time: float
    """When it was known, by the events' clock."""
    usual_size: float | None = None
    """What it was compared with: the longer side of the writer's usual letter."""
    forced: str | None = None
    """Why the symbol was closed before its end, as a sentence."""


class Carry(NamedTuple):
    """What a stream knows between two calls; `Carry()` is its start."""

    id: int = 0
    strokes: Strokes = ()
    """Of the unfinished symbol."""
    down: bool = False
    last: float = -math.inf
    """Time of the last event."""
    moved: float = -math.inf
    """Time of the last motion, or of the pen's lifting."""
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Left, top, right and bottom of the symbol, or of the one before."""
    place: tuple[float, float] = (0.0, 0.0)
    """Where the pen last moved to."""
    answer: Answer | None = None
    """To the ink as it is; None where it has grown since."""
    shown: float = -math.inf
    """When an answer was last given to an unfinished symbol."""
    features: tuple[float, ...] = ()
    """Of the ink when the pen was lifted, for the model of endings."""
    deadline: float = math.inf
    """When the symbol ends unless something happens before."""
    sizes: tuple[float, ...] = ()
    """Longer sides of the last symbols."""


Step = tuple[Carry, tuple[Hypothesis, ...]]


@dataclass(frozen=True)
class Stream:
    """Pure functions that share settings and `answer(ink, k, usual_size)`."""

    answer: Callable[[Ink, int, float | None], Answer]
    settings: Settings = DEFAULTS

    def push(self, carry: Carry, points: Events = (), now: float = -math.inf) -> Step:
        """`(carry, hypotheses)` after more events, and after a look at the clock.

        `now` says that all events before that moment have been given. All hypotheses
        together are the same in whatever portions the events come, and whatever `now`
        says in between. InputError, before any event is taken in, if one is not finite,
        too large, or older than the one before.
        """
        found: list[Hypothesis] = []
        for t, x, y, down in check_events(points, carry.last).tolist():
            carry = self._expire(carry, t, found)
            if not down:
                carry = self._lift(carry, t, found) if carry.down else carry
            elif not carry.down:
                carry = self._touch(carry, t, x, y, found)
            else:
                carry = self._move(carry, t, x, y, found)
            carry = carry._replace(down=bool(down), last=t)
        carry = self._expire(carry, now, found)
        return carry, tuple(found)

    def finish(self, carry: Carry) -> Step:
        """`(carry, hypotheses)` at the end: what is drawn so far is answered."""
        found: list[Hypothesis] = []
        carry = self._expire(carry, math.inf, found)
        return self._close(carry, carry.last, found), tuple(found)

    def _expire(self, carry: Carry, now: float, found: list[Hypothesis]) -> Carry:
        if not carry.strokes or now < carry.deadline or carry.deadline == math.inf:
            return carry
        limit = self.settings.max_seconds
        forced = None
        if carry.deadline >= carry.strokes[0][0][2] + limit:
            forced = (
                f"Symbol {carry.id} was closed after {limit:g} seconds, the limit; "
                f"lift the pen between symbols."
            )
        return self._close(carry, carry.deadline, found, forced)

    def _close(
        self,
        carry: Carry,
        time: float,
        found: list[Hypothesis],
        forced: str | None = None,
    ) -> Carry:
        if not carry.strokes:
            return carry
        answer, ink = self._answer(carry), to_ink(carry.strokes)
        usual = self._usual_size(carry)
        found.append(Hypothesis(carry.id, True, answer, ink, time, usual, forced))
        return Carry(
            id=carry.id + 1,
            down=carry.down,
            last=carry.last,
            box=carry.box,
            place=carry.place,
            shown=carry.shown,
            sizes=with_size(carry.sizes, ink, answer.symbols),
        )

    def _lift(self, carry: Carry, t: float, found: list[Hypothesis]) -> Carry:
        if not carry.strokes:
            return carry
        answer, ink = self._answer(carry), to_ink(carry.strokes)
        usual = self._usual_size(carry)
        found.append(Hypothesis(carry.id, False, answer, ink, t, usual))
        features = ink_features(ink, answer.symbols, answer.probability)
        carry = carry._replace(features=features, moved=t, answer=answer, shown=t)
        lifted = self.settings.lifted
        silence = wait(features, self.settings.risk) if lifted is None else lifted
        return self._until(carry, t + silence)

    def _touch(
        self, carry: Carry, t: float, x: float, y: float, found: list[Hypothesis]
    ) -> Carry:
        if carry.strokes and self.settings.lifted is None:
            before, pause = to_ink(carry.strokes), t - carry.moved
            if starts_new(before, carry.features, pause, x, y):
                carry = self._close(carry, t, found)
        return self._drawn(carry, (*carry.strokes, ((x, y, t),)), found)

    def _move(
        self, carry: Carry, t: float, x: float, y: float, found: list[Hypothesis]
    ) -> Carry:
        size = max(carry.box[2] - carry.box[0], carry.box[3] - carry.box[1])
        if math.dist(carry.place, (x, y)) <= self.settings.still * size:
            return carry
        *before, stroke = carry.strokes or ((),)
        if size == 0 and t - carry.moved > self.settings.pause:
            stroke = ()  # the pen has only rested here
        carry = self._drawn(carry, (*before, (*stroke, (x, y, t))), found)
        return self._shown(carry, t, found)

    def _drawn(
        self,
        carry: Carry,
        strokes: Strokes,
        found: list[Hypothesis],
    ) -> Carry:
        """The carry with ink that ends in a new point."""
        x, y, t = strokes[-1][-1]
        first = len(strokes) == len(strokes[0]) == 1
        left, top, right, bottom = (x, y, x, y) if first else carry.box
        box = (min(left, x), min(top, y), max(right, x), max(bottom, y))
        carry = carry._replace(
            strokes=strokes, box=box, place=(x, y), moved=t, answer=None
        )
        # A pen that has not moved yet draws nothing that could end.
        carry = self._until(carry, math.inf if first else t + self.settings.pause)
        count, limit = sum(map(len, strokes)), self.settings
        if count < limit.max_points and len(strokes) < limit.max_strokes:
            return carry
        forced = (
            f"Symbol {carry.id} was closed after {count:,} points in {len(strokes)} "
            f"strokes, the limits are {limit.max_points:,} and {limit.max_strokes}; "
            f"lift the pen and pause between symbols."
        )
        return self._close(carry, t, found, forced)

    def _until(self, carry: Carry, deadline: float) -> Carry:
        if deadline < math.inf:
            limit = carry.strokes[0][0][2] + self.settings.max_seconds
            deadline = min(deadline, limit)
        return carry._replace(deadline=deadline)

    def _shown(self, carry: Carry, t: float, found: list[Hypothesis]) -> Carry:
        """An answer to the ink as it is, unless the last one was a moment ago."""
        known = carry.answer is not None or not carry.strokes
        if known or t < carry.shown + self.settings.interval:
            return carry
        answer, ink = self._answer(carry), to_ink(carry.strokes)
        usual = self._usual_size(carry)
        found.append(Hypothesis(carry.id, False, answer, ink, t, usual))
        return carry._replace(shown=t, answer=answer)

    def _answer(self, carry: Carry) -> Answer:
        if carry.answer is not None:
            return carry.answer
        usual = self._usual_size(carry)
        return self.answer(to_ink(carry.strokes), self.settings.k, usual)

    def _usual_size(self, carry: Carry) -> float | None:
        return self.settings.usual_size or usual_size(carry.sizes)
