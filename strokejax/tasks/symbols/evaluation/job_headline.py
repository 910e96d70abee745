"""Every headline figure, by groups."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from strokejax.evaluation.figure import Figure
from strokejax.tasks.symbols.evaluation import accuracy as letters
from strokejax.tasks.symbols.evaluation import accuracy_cost as cost
from strokejax.tasks.symbols.evaluation import open_set as rejection
from strokejax.tasks.symbols.evaluation import shots
from strokejax.tasks.symbols.evaluation.labelled import Run
from strokejax.tasks.symbols.evaluation.validation import Validation

Group = tuple[str, str, Callable[[Validation], list[Figure]]]
"""A group's name in `config.figures.only`, its title, what measures it."""


def groups(folder: Path, episodes: int, runs: Sequence[Run]) -> Iterable[Group]:
    """What there is to measure of the model in a folder."""

    def characters(found: Validation) -> list[Figure]:
        return shots.characters(found, episodes, runs)

    def symbols(found: Validation) -> list[Figure]:
        return [*shots.symbols(found, episodes), *shots.many_symbols(found)]

    def costs(found: Validation) -> list[Figure]:
        return cost.cost(found, folder)

    return (
        ("unipen", "Letters and digits of other writers", letters.unipen),
        ("personal", "A writer's own samples", shots.own_samples),
        ("punctuation", "New symbols beside the old", shots.punctuation),
        ("omniglot", "Characters of other alphabets", characters),
        ("detexify", "Symbols of other classes", symbols),
        ("rejection", "What is no symbol, and how sure", rejection.rejection),
        ("cost", "Cost", costs),
    )
