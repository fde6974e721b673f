"""What a study's numbers say, in words made from the numbers."""

from collections.abc import Sequence

from mnistcmp.report.contents import Comparison, Factorial
from mnistcmp.statistics import Difference


def answer(
    comparisons: Sequence[Comparison],
    averages: Sequence[Comparison],
    factorial: Factorial | None,
) -> str:
    """One sentence, of the most general of the three that there is.

    An effect whose 95% interval includes 0 is called not clear, whatever its size.
    """
    if factorial is not None:
        return _of_factorial(factorial)
    if not (averages or comparisons):
        return "There is one condition, so nothing is compared."
    parts = [
        _of_difference(c.condition, c.reference, c.difference)
        for c in averages or comparisons
        if c.difference is not None
    ]
    if not parts:
        return "No two conditions have a seed in common yet, so nothing can be compared."
    return f"{'On average over the architectures, ' if averages else ''}{'; '.join(parts)}."


def _of_difference(name: str, reference: str, difference: Difference) -> str:
    if is_same(difference):
        return f"{name} gives the same results as {reference} ({_seeds(difference)})"
    if is_unclear(difference):
        return f"{name} makes no clear difference to {reference} ({_signed(difference)})"
    better = "better" if difference.mean > 0 else "worse"
    return f"{name} is {better} than {reference} by {_size(difference)}"


def _of_factorial(factorial: Factorial) -> str:
    effects = (
        _of_effect("weight sharing", factorial.weight_sharing),
        _of_effect("the auxiliary loss", factorial.auxiliary_loss),
    )
    sentence = f"{effects[0]}, and {effects[1]}; {_of_interaction(factorial.interaction)}."
    return sentence[0].upper() + sentence[1:]


def _of_effect(name: str, effect: Difference) -> str:
    if is_unclear(effect):
        return f"{name} makes no clear difference ({_signed(effect)})"
    return f"{name} {'gains' if effect.mean > 0 else 'costs'} {_size(effect)}"


def _of_interaction(effect: Difference) -> str:
    if is_unclear(effect):
        return (
            "whether the auxiliary loss gains more with shared weights than with separate ones is "
            f"not clear ({_signed(effect)})"
        )
    more = "more" if effect.mean > 0 else "less"
    return f"the auxiliary loss gains {_size(effect, more)} with shared weights than with separate"


def is_same(difference: Difference) -> bool:
    """Whether all differences are 0, as between recipes that train one and the same function."""
    return difference.mean == 0 and not difference.deviation


def is_unclear(difference: Difference) -> bool:
    """Whether the interval includes 0, or there is none."""
    if difference.low is None or difference.high is None:
        return True
    return difference.low <= 0 <= difference.high


def _signed(difference: Difference) -> str:
    mean = f"{difference.mean:+.2f} points"
    if difference.low is None or difference.high is None:
        return f"{mean} with one seed, which does not say how sure that is"
    interval = f"95% CI {difference.low:+.2f} to {difference.high:+.2f}"
    return f"{mean}, {interval}, {_seeds(difference)}"


def _size(difference: Difference, more: str = "") -> str:
    """A difference whose sign the words say."""
    ends = sorted((abs(difference.low or 0), abs(difference.high or 0)))
    return (
        f"{abs(difference.mean):.2f} points {f'{more} ' if more else ''}"
        f"(95% CI {ends[0]:.2f} to {ends[1]:.2f}, {_seeds(difference)})"
    )


def _seeds(difference: Difference) -> str:
    return f"{difference.n} {'seed' if difference.n == 1 else 'seeds'}"
