"""What a check of somebody's CI asks of a comparison: that nothing is worse, or that one is better.

A gate goes by the intervals: it takes a difference for real where the interval shows it. What has
no interval can be judged neither way, and is refused.
"""

from collections.abc import Iterable, Sequence

from mnistcmp.errors import UserError
from mnistcmp.report.contents import Report, SideBySide
from mnistcmp.report.methods import difference_in_words
from mnistcmp.report.numbers import plural
from mnistcmp.report.words import comparison_sentence


def worse(found: Iterable[SideBySide], margin: float) -> list[str]:
    """A sentence for each comparison whose first side is worse by more than a margin, in points.

    That is so where the whole interval of the difference is beyond the margin.

    Raises:
        UserError: A comparison is of one seed.
    """
    return [
        f"worse by more than {plural(margin, 'point')}: {comparison_sentence(comparison)}"
        for comparison in found
        if _interval(comparison)[1] < -margin
    ]


def not_better_by_rule(report: Report, first: str, second: str) -> list[str]:
    """The same of a study whose seeds were added by a rule: its planned comparison says it.

    Raises:
        UserError: The two are none of its comparisons.
    """
    for comparison in (*report.comparisons, *report.averages):
        difference, names = comparison.difference, (comparison.condition, comparison.reference)
        if difference is None or set(names) != {first, second}:
            continue
        ahead = difference.mean if names == (first, second) else -difference.mean
        if difference.is_clear and ahead > 0:
            return []
        sentence = difference_in_words(names[0], difference, reference=names[1])
        return [f"not shown to be better: {sentence}."]
    planned = [f"{c.condition} and {c.reference}" for c in (*report.comparisons, *report.averages)]
    raise UserError(
        f"'{first}' and '{second}' are no comparison of this study, whose seeds were added until "
        f"its comparisons were clear: {'; '.join(planned)}."
    )


def not_better(found: Sequence[SideBySide]) -> list[str]:
    """A sentence for each comparison whose first side is not shown to be better.

    Raises:
        UserError: A comparison is of one seed.
    """
    return [
        f"not shown to be better: {comparison_sentence(comparison)}"
        for comparison in found
        if not _interval(comparison)[0] > 0
    ]


def _interval(comparison: SideBySide) -> tuple[float, float]:
    difference = comparison.difference
    if difference.low is not None and difference.high is not None:
        return difference.low, difference.high
    if comparison.all_identical:
        return 0.0, 0.0
    raise UserError(
        f"{comparison.first} and {comparison.second} have one seed in common, which does not say "
        "how sure their difference is. Launch both with two seeds or more."
    )
