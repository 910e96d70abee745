"""What is no symbol of the model, and whether its probabilities are honest."""

from strokejax.evaluation.few_shot import accepted_at, auroc, auroc_interval
from strokejax.evaluation.figure import Figure, share
from strokejax.evaluation.scores import calibration_interval, expected_calibration_error
from strokejax.registration.learn import rows_of
from strokejax.table.rejection import limit_for
from strokejax.tasks.symbols.evaluation.accuracy import DATA, ranked
from strokejax.tasks.symbols.evaluation.incremental import open_set
from strokejax.tasks.symbols.evaluation.validation import Validation

CLASSES = 10
PROMISED = 1 / 200
"""The rate of false accepts that a threshold is asked to hold."""


def rejection(found: Validation) -> list[Figure]:
    """Symbols taken out of the table, symbols never trained on, calibration."""
    return [*taken_out(found), *strangers(found), calibration(found)]


def taken_out(found: Validation) -> list[Figure]:
    """Drawings of 10 symbols without twins that are not in the table any more."""
    limits = _limits(found)
    row = open_set(found.stored, found.drawn_letters, limits, classes=CLASSES)
    title, n = f"{CLASSES} classes taken out", row["n"]
    figures = [
        Figure(
            f"{title}, AUROC", row["auroc"], _pair(row["interval95"]), n, DATA, 0.93
        ),
        Figure(
            f"{title}, FPR95", row["fpr95"], _pair(row["fpr95_interval95"]), n, DATA
        ),
    ]
    for said in row["promised"].values():
        rate, interval = said["false_accepts"], _pair(said["interval95"])
        name = f"{title}, let in at 1 in 200"
        figures.append(Figure(name, rate, interval, n, DATA, PROMISED, True))
    return figures


def strangers(found: Validation) -> list[Figure]:
    """All of Detexify's held-out symbols, look-alikes of letters among them.

    Their sizes are unknown, so those of the letters are hidden.
    """
    view = tuple(use for use in found.model.spec.uses if use != "size")
    letters, symbols = found.letters_as(view), found.symbols
    rows = rows_of(found.stored)
    known, novel = (-rows.strangeness(drawn.z) for drawn in (letters, symbols))
    interval = auroc_interval(known, novel, letters.groups, symbols.names)
    title, data = "unseen symbols", "Detexify against UNIPEN"
    n = len(known) + len(novel)
    figures = [
        Figure(f"{title}, AUROC", auroc(known, novel), interval, n, data, 0.95),
        share(f"{title}, FPR95", accepted_at(known, novel), symbols.names, data),
    ]
    for limit in _limits(found).values():
        name = f"{title}, let in at 1 in 200"
        let_in = share(name, novel >= -limit, symbols.names, "Detexify", PROMISED)
        figures.append(let_in._replace(most=True))
    return figures


def calibration(found: Validation) -> Figure:
    """The expected calibration error of the first answers."""
    drawn = found.drawn_letters
    answers = ranked(found.model, drawn.z, 1)
    right = found.model.names(answers.slot)[:, 0] == drawn.names
    said = answers.probability[:, 0]
    error = expected_calibration_error(said, right)
    interval = calibration_interval(said, right, drawn.groups)
    return Figure("calibration error", error, interval, len(right), DATA)


def _limits(found: Validation) -> dict[float, float]:
    """The promised rate and its strangeness; nothing where no background is stored."""
    if not len(found.stored.calibration.background):
        return {}
    return {PROMISED: limit_for(found.stored, PROMISED)}


def _pair(interval: list[float]) -> tuple[float, float]:
    low, high = interval
    return low, high
