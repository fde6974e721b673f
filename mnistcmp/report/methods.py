"""What a report says of its intervals and tests: what they are called, and equivalence in words."""

from mnistcmp.report.numbers import p_in_words, p_value
from mnistcmp.statistics import RESAMPLES, Difference, Inference, Intervals

INTERVALS: dict[Intervals, str] = {
    "student": "Student's t",
    "bca": f"bootstrap, BCa, {RESAMPLES:,} resamples",
}
FLIPS = "p (flips)"
"""Header of the column of sign-flip tests."""
FLIPPED = (
    f"sign-flip test over the seeds, exact with up to 13, of more with {RESAMPLES:,} flips drawn"
)


def test_cells(difference: Difference | None, inference: Inference) -> dict[str, str]:
    """The cells of a difference's tests beside the t test; None has none."""
    cells = {FLIPS: p_value(difference.flip_p if difference else None)}
    if inference.within is not None:
        p = difference.within_p if difference else None
        cells[f"p (within ±{inference.within:g})"] = p_value(p)
    return cells


def tests_note(inference: Inference) -> str:
    """What the tests beside the t test are."""
    note = f"{FLIPS}: {FLIPPED}."
    if inference.within is None:
        return note
    within = f"±{inference.within:g}"
    return f"{note} p (within {within}): two one-sided t tests that the difference is not {within}."


def equivalence(difference: Difference) -> str:
    """An equivalence test for the inside of a bracket; empty where there is none."""
    if difference.within is None or difference.within_p is None:
        return ""
    return f", within ±{difference.within:g}: {p_in_words(difference.within_p)}"
