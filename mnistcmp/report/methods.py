"""What a report says of its intervals, tests and differences, and of the rule that added seeds."""

from mnistcmp.report.contents import Answer, Until
from mnistcmp.report.numbers import (
    CI,
    LEVEL,
    interval,
    p_in_words,
    p_value,
    plural,
    points,
    signed,
)
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


def difference_in_words(
    name: str, difference: Difference, *, reference: str = "", with_p: bool = False
) -> str:
    """How a condition or a factor differs from its reference, and how sure that is.

    One whose interval includes 0 is called not clear, whatever its size.
    """
    p = f", {p_in_words(difference.p)}" if with_p and difference.p is not None else ""
    seeds = plural(difference.n, "seed")
    if reference and difference.mean == 0 and not difference.deviation:
        return f"{name} gives the same results as {reference} ({seeds})"
    p += _equivalence(difference)
    if not difference.is_clear and difference.is_equivalent:
        within, shown = plural(difference.within or 0, "point"), f"({unclear(difference)}{p})"
        if reference:
            return f"{name} and {reference} are equivalent within {within} {shown}"
        return f"{name} makes a difference of less than {within} {shown}"
    if not difference.is_clear:
        to = f" to {reference}" if reference else ""
        return f"{name} makes no clear difference{to} ({unclear(difference)}{p})"
    if reference:
        better = "better" if difference.mean > 0 else "worse"
        return f"{name} is {better} than {reference} by {size(difference)}{p})"
    return f"{name} {'gains' if difference.mean > 0 else 'costs'} {size(difference)}{p})"


def unclear(difference: Difference) -> str:
    """A difference that the words call not clear, for the inside of a bracket."""
    mean = f"{signed(difference.mean)} points"
    if difference.low is None and difference.n > 1:
        return f"{mean} over {difference.n} seeds, before the first look"
    if difference.low is None:
        return f"{mean} with one seed, which does not say how sure that is"
    return f"{mean}, {CI} {interval(difference)}, {plural(difference.n, 'seed')}"


def size(difference: Difference, more: str = "") -> str:
    """A clear difference whose sign the words say; its bracket is left open."""
    low, high = sorted((abs(difference.low or 0), abs(difference.high or 0)))
    return (
        f"{points(abs(difference.mean))} points{more} ({CI} {points(low)} to {points(high)}, "
        f"{plural(difference.n, 'seed')}"
    )


def _equivalence(difference: Difference) -> str:
    """An equivalence test for the inside of a bracket; empty where there is none."""
    if difference.within is None or difference.within_p is None:
        return ""
    return f", within ±{difference.within:g}: {p_in_words(difference.within_p)}"


def rule_in_words(rule: Until) -> str:
    """What a rule answered, after how many seeds, and how many runs that saved."""
    most = rule.looks[-1]
    found: dict[tuple[str, int], list[str]] = {}
    for name, answer in sorted(rule.answers.items(), key=lambda item: item[1].seeds):
        found.setdefault((answer.outcome, answer.seeds), []).append(name)
    kinds = {
        "clear": "Clear",
        "equivalent": f"Shown to be smaller than {plural(rule.margin, 'point')}",
        "open": "Not answered",
    }
    parts = []
    for kind, words in kinds.items():
        of = [
            f"after {n}: {', '.join(names)}" for (k, n), names in found.items() if k == kind and n
        ]
        if of:
            parts.append(f"{words} {'; '.join(of)}.".replace(":", f" of {most} seeds:", 1))
    if before := found.get(("open", 0)):
        parts.append(f"Before the first look: {', '.join(before)}.")
    needed = f"{rule.planned - rule.ended:,} of {rule.planned:,} runs were not needed."
    parts.append(needed if rule.is_over else "Launch again to go on.")
    return " ".join(parts)


def rule_note(rule: Until) -> str:
    """What the intervals of a rule are."""
    return (
        "Seeds were added until each comparison was clear or shown to be smaller than "
        f"{plural(rule.margin, 'point')}. A difference's {LEVEL} CI is that of the look which "
        "answered it, or of the latest, and holds for all looks together: a group-sequential "
        "design, with Student's t freed from skewness (Hall's transformation)."
    )


def answer_cell(answer: Answer | None) -> str:
    """When a comparison was answered, in few words."""
    if answer is None or not answer.seeds:
        return "not yet"
    return f"{answer.outcome} after {answer.seeds}"
