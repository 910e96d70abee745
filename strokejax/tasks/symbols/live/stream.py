"""Pen events in, symbols out while the pen still moves; numpy only.

Time is that of the events. The end of a symbol is a moment that its last event fixes
(`Carry.deadline`), so the symbols depend neither on how the events are cut into
portions nor on how often the clock is read.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from strokejax.ink.resample import longer_side
from strokejax.table.knn import Answer
from strokejax.table.symbols import SPACE
from strokejax.tasks.symbols.live.endings import ink_features, pause_to_end, starts_new
from strokejax.tasks.symbols.live.events import Events, Strokes, check_events, to_ink
from strokejax.types import Ink

WINDOW = 31
"""The reference size is the median of these last symbols: a new page soon counts."""
MIN_SIZES = 3
"""Below so many symbols the reference size is unknown. By benchmarks/reference_size.py,
0.844 of held-out letters are right with the median of three others; with one other it
is 0.836, but with more mistakes beyond twins than without any, which gives 0.830."""

# The reference size of a writer's letters, measured on the last symbols.


def append_size(
    sizes: tuple[float, ...], ink: Ink, symbols: tuple[str, ...]
) -> tuple[float, ...]:
    """The longer sides of the last `WINDOW` symbols, after one more symbol.

    `symbols` are the answers to the ink, best first. Spaces and taps do not count: they
    say nothing about the size of letters.
    """
    side = longer_side(ink)
    if side == 0 or symbols[:1] == (SPACE,):
        return sizes
    return (*sizes, side)[-WINDOW:]


def reference_size(sizes: tuple[float, ...]) -> float | None:
    """The median of longer sides; None below `MIN_SIZES`."""
    return median(sizes) if len(sizes) >= MIN_SIZES else None


# Segmentation: which strokes form a symbol, and when it ends.


class Settings(NamedTuple):
    """How a stream is cut into symbols; times in seconds."""

    pause: float = 0.5
    """Rest with the pen down that ends a symbol; a mouse never lifts."""
    lifted: float | None = None
    """Pen-up time that ends a symbol; None: the learned model of endings decides."""
    risk: float = 0.05
    """Probability of one more stroke at which that model ends a symbol."""
    interval: float = 0.03
    """Least time between two answers while the pen is down."""
    still: float = 0.01
    """Moves up to this share of the symbol's longer side count as rest."""
    k: int = 5
    """Symbols in an answer."""
    reference_size: float | None = None
    """Longer side of the writer's typical letter; None: of the last symbols."""
    max_points: int = 5_000
    max_strokes: int = 100
    max_seconds: float = 60.0


DEFAULTS = Settings()


class Hypothesis(NamedTuple):
    """An answer to a symbol that is being drawn, or the final one."""

    id: int
    """Number of the symbol: 0, 1, ... in drawing order."""
    final: bool
    answer: Answer
    ink: Ink
    time: float
    """When the answer was known, by the events' clock."""
    reference_size: float | None = None
    """The reference size that the ink was compared with; None: unknown."""
    forced: str | None = None
    """A sentence if the symbol was closed because it reached a limit."""


class Carry(NamedTuple):
    """State of a stream between two calls; `Carry()` is the initial one."""

    id: int = 0
    strokes: Strokes = ()
    """Of the unfinished symbol."""
    down: bool = False
    last: float = -math.inf
    """Time of the last event."""
    moved_at: float = -math.inf
    """Time of the last motion, or of the lift of the pen."""
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Left, top, right and bottom of the symbol, or of the previous one."""
    position: tuple[float, float] = (0.0, 0.0)
    """Where the last motion led."""
    answer: Answer | None = None
    """To the ink so far; None if the ink has grown since the last answer."""
    answered_at: float = -math.inf
    """When an unfinished symbol was last answered."""
    features: tuple[float, ...] = ()
    """`ink_features` at the last lift of the pen."""
    deadline: float = math.inf
    """When the symbol ends if no event changes that."""
    sizes: tuple[float, ...] = ()
    """Longer sides of the last symbols."""


Step = tuple[Carry, tuple[Hypothesis, ...]]


@dataclass(frozen=True)
class Stream:
    """Pure functions of a carry, with settings and `answer(ink, k, reference_size)`.

    Private methods append to `answers` and return the next carry.
    """

    answer: Callable[[Ink, int, float | None], Answer]
    settings: Settings = DEFAULTS

    def push(self, carry: Carry, points: Events = (), now: float = -math.inf) -> Step:
        """`(carry, hypotheses)` after more events, f64[n 4], and at the time `now`.

        `now` promises that every event before that moment has been pushed. However the
        events are cut into portions, and whatever `now` is in between, the hypotheses
        are the same. InputError, before any event takes effect, if one is not finite,
        too large, or older than the one before.
        """
        answers: list[Hypothesis] = []
        for t, x, y, down in check_events(points, carry.last).tolist():
            # Time passes first: the deadline may lie before this event.
            carry = self._expire(carry, t, answers)
            if not down:
                carry = self._lift(carry, t, answers) if carry.down else carry
            elif not carry.down:
                carry = self._touch(carry, t, x, y, answers)
            else:
                carry = self._move(carry, t, x, y, answers)
            carry = carry._replace(down=bool(down), last=t)
        carry = self._expire(carry, now, answers)
        return carry, tuple(answers)

    def finish(self, carry: Carry) -> Step:
        """`(carry, hypotheses)` at the end of the input: an unfinished symbol ends."""
        answers: list[Hypothesis] = []
        carry = self._expire(carry, math.inf, answers)
        return self._close(carry, carry.last, answers), tuple(answers)

    # Transitions of the symbol that is being drawn.

    def _expire(self, carry: Carry, now: float, answers: list[Hypothesis]) -> Carry:
        """Closes the symbol if its deadline is over."""
        if not carry.strokes or now < carry.deadline or carry.deadline == math.inf:
            return carry
        limit = self.settings.max_seconds
        forced = None
        if carry.deadline >= carry.strokes[0][0][2] + limit:
            forced = (
                f"Symbol {carry.id} was closed after {limit:g} seconds, the limit; "
                f"lift the pen between symbols."
            )
        return self._close(carry, carry.deadline, answers, forced)

    def _close(
        self,
        carry: Carry,
        time: float,
        answers: list[Hypothesis],
        forced: str | None = None,
    ) -> Carry:
        """Gives the final answer and starts the next symbol."""
        if not carry.strokes:
            return carry
        answer, ink = self._answer(carry), to_ink(carry.strokes)
        size = self._reference_size(carry)
        answers.append(Hypothesis(carry.id, True, answer, ink, time, size, forced))
        # The box stays: if the pen is still down, it tells motion from rest.
        return Carry(
            id=carry.id + 1,
            down=carry.down,
            last=carry.last,
            box=carry.box,
            position=carry.position,
            answered_at=carry.answered_at,
            sizes=append_size(carry.sizes, ink, answer.symbols),
        )

    def _lift(self, carry: Carry, t: float, answers: list[Hypothesis]) -> Carry:
        """Answers at once and sets the deadline for the next stroke."""
        if not carry.strokes:
            return carry
        answer, ink = self._answer(carry), to_ink(carry.strokes)
        size = self._reference_size(carry)
        answers.append(Hypothesis(carry.id, False, answer, ink, t, size))
        features = ink_features(ink, answer.symbols, answer.probability)
        carry = carry._replace(
            features=features, moved_at=t, answer=answer, answered_at=t
        )
        pause = self.settings.lifted
        if pause is None:
            pause = pause_to_end(features, self.settings.risk)
        return self._with_deadline(carry, t + pause)

    def _touch(
        self, carry: Carry, t: float, x: float, y: float, answers: list[Hypothesis]
    ) -> Carry:
        """Starts a stroke: of this symbol, or of the next by the model of endings."""
        # With a fixed pause, the deadline alone separates symbols.
        if carry.strokes and self.settings.lifted is None:
            ink, pause = to_ink(carry.strokes), t - carry.moved_at
            if starts_new(ink, carry.features, pause, x, y):
                carry = self._close(carry, t, answers)
        return self._with_strokes(carry, (*carry.strokes, ((x, y, t),)), answers)

    def _move(
        self, carry: Carry, t: float, x: float, y: float, answers: list[Hypothesis]
    ) -> Carry:
        """Extends the stroke, unless the pen has hardly moved."""
        size = max(carry.box[2] - carry.box[0], carry.box[3] - carry.box[1])
        if math.dist(carry.position, (x, y)) <= self.settings.still * size:
            return carry
        *before, stroke = carry.strokes or ((),)
        if size == 0 and t - carry.moved_at > self.settings.pause:
            stroke = ()  # the pen has only rested here
        carry = self._with_strokes(carry, (*before, (*stroke, (x, y, t))), answers)
        return self._answer_periodically(carry, t, answers)

    # Parts of the transitions.

    def _with_strokes(
        self, carry: Carry, strokes: Strokes, answers: list[Hypothesis]
    ) -> Carry:
        """The carry with strokes that end in a new point; closed at a limit."""
        x, y, t = strokes[-1][-1]
        first = len(strokes) == len(strokes[0]) == 1
        left, top, right, bottom = (x, y, x, y) if first else carry.box
        box = (min(left, x), min(top, y), max(right, x), max(bottom, y))
        carry = carry._replace(
            strokes=strokes, box=box, position=(x, y), moved_at=t, answer=None
        )
        # A pen that has not moved yet has drawn nothing that could end.
        deadline = math.inf if first else t + self.settings.pause
        carry = self._with_deadline(carry, deadline)
        count, limit = sum(map(len, strokes)), self.settings
        if count < limit.max_points and len(strokes) < limit.max_strokes:
            return carry
        forced = (
            f"Symbol {carry.id} was closed after {count:,} points in {len(strokes)} "
            f"strokes, the limits are {limit.max_points:,} and {limit.max_strokes}; "
            f"lift the pen and pause between symbols."
        )
        return self._close(carry, t, answers, forced)

    def _with_deadline(self, carry: Carry, deadline: float) -> Carry:
        """The carry with a deadline, at most `max_seconds` after its first point."""
        if deadline < math.inf:
            limit = carry.strokes[0][0][2] + self.settings.max_seconds
            deadline = min(deadline, limit)
        return carry._replace(deadline=deadline)

    def _answer_periodically(
        self, carry: Carry, t: float, answers: list[Hypothesis]
    ) -> Carry:
        """Answers the unfinished symbol if `interval` has passed since the last one."""
        current = carry.answer is not None or not carry.strokes
        if current or t < carry.answered_at + self.settings.interval:
            return carry
        answer, ink = self._answer(carry), to_ink(carry.strokes)
        size = self._reference_size(carry)
        answers.append(Hypothesis(carry.id, False, answer, ink, t, size))
        return carry._replace(answered_at=t, answer=answer)

    def _answer(self, carry: Carry) -> Answer:
        """The answer to the ink so far; ink that has not grown needs no recognition."""
        if carry.answer is not None:
            return carry.answer
        size = self._reference_size(carry)
        return self.answer(to_ink(carry.strokes), self.settings.k, size)

    def _reference_size(self, carry: Carry) -> float | None:
        return self.settings.reference_size or reference_size(carry.sizes)
