"""Headline figures of rejection and calibration."""

from strokejax.evaluation.few_shot import accepted_at, auroc, auroc_interval
from strokejax.evaluation.figure import Figure, share
from strokejax.evaluation.scores import calibration_interval, expected_calibration_error
from strokejax.registration.learn import rows_of
from strokejax.tasks.symbols.evaluation.accuracy import DATA, rank_in_batches
from strokejax.tasks.symbols.evaluation.incremental import open_set
from strokejax.tasks.symbols.evaluation.validation import Validation

CLASSES = 10
"""Symbols removed from the table in each draw."""
FALSE_ACCEPTS = 1 / 200
"""The false-accept rate that the model's own threshold should hold."""


def rejection(validation: Validation) -> list[Figure]:
    """Symbols removed from the table, symbols never trained on, and calibration."""
    return [
        *removed_symbols(validation),
        *unseen_symbols(validation),
        calibration(validation),
    ]


def removed_symbols(validation: Validation) -> list[Figure]:
    """AUROC, FPR95 and false accepts of 10 removed symbols that have no twins."""
    limits = _limits(validation)
    row = open_set(
        validation.stored, validation.letter_embeddings, limits, classes=CLASSES
    )
    title, n = f"{CLASSES} classes taken out", row["n"]
    figures = [
        Figure(
            f"{title}, AUROC", row["auroc"], _pair(row["interval95"]), n, DATA, 0.93
        ),
        Figure(
            f"{title}, FPR95", row["fpr95"], _pair(row["fpr95_interval95"]), n, DATA
        ),
    ]
    name = f"{title}, let in at 1 in 200"
    for rates in row["promised"].values():
        rate, interval = rates["false_accepts"], _pair(rates["interval95"])
        figures.append(Figure(name, rate, interval, n, DATA, FALSE_ACCEPTS, True))
    return figures


def unseen_symbols(validation: Validation) -> list[Figure]:
    """AUROC, FPR95 and false accepts of Detexify's held-out symbols.

    Look-alikes of letters are among them. The reference size of their writers is
    unknown, so the size of the letters is hidden, too.
    """
    view = tuple(use for use in validation.model.spec.uses if use != "size")
    letters, symbols = validation.embed_letters(view), validation.symbols
    rows = rows_of(validation.stored)
    # Scores are high for known drawings, so novelty is negated.
    known, novel = (-rows.novelty(drawn.z) for drawn in (letters, symbols))
    # Resampled are the writers of the letters and the classes of the symbols.
    interval = auroc_interval(known, novel, letters.groups, symbols.names)
    title, data = "unseen symbols", "Detexify against UNIPEN"
    n = len(known) + len(novel)
    figures = [
        Figure(f"{title}, AUROC", auroc(known, novel), interval, n, data, 0.95),
        share(f"{title}, FPR95", accepted_at(known, novel), symbols.names, data),
    ]
    name = f"{title}, let in at 1 in 200"
    for limit in _limits(validation).values():
        accepted = novel >= -limit
        figure = share(name, accepted, symbols.names, "Detexify", FALSE_ACCEPTS)
        # `share` makes lower bounds of targets; this one is an upper bound.
        figures.append(figure._replace(most=True))
    return figures


def calibration(validation: Validation) -> Figure:
    """The expected calibration error of the best answers to the letters."""
    drawn = validation.letter_embeddings
    answers = rank_in_batches(validation.model, drawn.z, 1)
    right = validation.model.names(answers.slot)[:, 0] == drawn.names
    confidence = answers.probability[:, 0]
    error = expected_calibration_error(confidence, right)
    interval = calibration_interval(confidence, right, drawn.groups)
    return Figure("calibration error", error, interval, len(right), DATA)


def _limits(validation: Validation) -> dict[float, float]:
    """False-accept rate -> limit of the novelty; empty without stored background."""
    if not len(validation.stored.calibration.background):
        return {}
    return {FALSE_ACCEPTS: validation.stored.threshold_for(FALSE_ACCEPTS)}


def _pair(interval: list[float]) -> tuple[float, float]:
    low, high = interval
    return low, high
