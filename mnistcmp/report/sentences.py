"""A comparison in words."""

from mnistcmp.report.pairs import SideBySide
from mnistcmp.statistics import CONFIDENCE, Difference
from mnistcmp.study.seeds import describe_seeds

CLAIM = (
    "The paired t test asks whether the difference holds for new seeds: new pairs, new weights. "
    "McNemar's tests ask whether these trained networks differ on pairs like these; summed over "
    "the seeds they leave the seeds' own scatter out, and do not speak for new ones. None is "
    "corrected for the number of comparisons."
)
"""What the tests can say."""


def in_a_sentence(comparison: SideBySide) -> str:
    """Which side is ahead, by how much, and how sure that is."""
    first, second = comparison.first, comparison.second
    subject = f"{comparison.subject}: " if comparison.subject else ""
    if comparison.all_identical:
        runs = (
            "one run"
            if len(comparison.paired_seeds) == 1
            else (f"all {len(comparison.paired_seeds):,} runs")
        )
        return (
            f"{subject}{first} and {second} are identical run by run: {runs}, the same numbers to "
            "the last bit, predictions included."
        )
    difference = comparison.difference
    if difference is None:
        return f"{subject}{first} and {second} have no finished seed in common."
    ahead, behind = (first, second) if difference.mean >= 0 else (second, first)
    by = f"{ahead} is {abs(difference.mean):.2f} points ahead of {behind}"
    if difference.low is None or difference.high is None:
        return (
            f"{subject}{by} with seed {comparison.paired_seeds[0]}, the only one that both have: "
            "one seed says nothing about others."
        )
    how_sure = _how_sure(difference)
    if difference.low <= 0 <= difference.high:
        return (
            f"{subject}no difference between {first} and {second} is shown: "
            f"{difference.mean:+.2f} points {how_sure}."
        )
    return f"{subject}{by} {how_sure}."


def notes(comparison: SideBySide) -> list[str]:
    """What to know of the two sides: other recipes, and what could not be paired."""
    lines = []
    if comparison.recipes[0] != comparison.recipes[1]:
        lines.append(f"Their recipes differ: {comparison.recipes[0]} and {comparison.recipes[1]}.")
    for name, unpaired in zip(
        (comparison.first, comparison.second), comparison.unpaired, strict=True
    ):
        if unpaired:
            runs, have, are = ("run", "has", "is") if unpaired == 1 else ("runs", "have", "are")
            lines.append(
                f"{unpaired:,} {runs} of {name} {have} a seed that the other has not, and {are} "
                "left out."
            )
    if comparison.other_pairs:
        seeds = describe_seeds(comparison.other_pairs)
        lines.append(f"Tested on other pairs by the two, so that McNemar leaves them out: {seeds}.")
    looked_at = len(comparison.seeds) + len(comparison.other_pairs)
    if looked_at < len(comparison.paired_seeds):
        lines.append(f"McNemar's tests and the digits are of the {looked_at} smallest seeds.")
    if comparison.identical and not comparison.all_identical:
        lines.append(
            f"{comparison.identical} of {len(comparison.paired_seeds)} paired runs are identical "
            "to the last bit."
        )
    return lines


def p_value(value: float) -> str:
    """A p value, never as 0."""
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"  # noqa: PLR2004 - four decimals


def _how_sure(difference: Difference) -> str:
    p = ""
    if difference.p is not None:
        printed = p_value(difference.p)
        p = f", p {printed}" if printed.startswith("<") else f", p = {printed}"
    return (
        f"({CONFIDENCE:.0%} CI {difference.low:+.2f} to {difference.high:+.2f}, n = {difference.n} "
        f"paired seeds{p})"
    )
