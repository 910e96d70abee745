"""Medians of alternating runs: both sides meet the same moods of the machine."""

import statistics
import time
from collections.abc import Callable, Mapping

ROUNDS = 15


def alternate(
    sides: Mapping[str, Callable[[], object]],
    rounds: int = ROUNDS,
    least: float = 0.02,
    rest: float = 0.0,
) -> dict[str, float]:
    """Median milliseconds of one call of each side, over alternating rounds.

    A round repeats a call until `least` seconds are filled. Before each side's turn
    come `rest` seconds, in which the other's threads stop spinning, and one call.
    """
    repeats = {}
    for name, call in sides.items():
        call()
        start = time.perf_counter()
        call()
        once = max(time.perf_counter() - start, 1e-7)
        repeats[name] = max(1, min(1000, int(least / once)))
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, call in sides.items():
            time.sleep(rest)
            call()
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            seconds = time.perf_counter() - start
            times[name].append(1e3 * seconds / repeats[name])
    return {name: statistics.median(values) for name, values in times.items()}
