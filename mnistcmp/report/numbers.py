"""Numbers as every form of a report prints them: terminal, Markdown, pages, figures, sentences.

A value that is not a number is printed as `nan`.
"""

import math

from mnistcmp.networks.architectures import Published
from mnistcmp.statistics import CONFIDENCE, Difference, Summary

LEVEL = f"{CONFIDENCE:.0%}"
"""The intervals' level of confidence."""
CI = f"{LEVEL} CI"
"""Header of a column of intervals."""
NONE = "–"
"""What there is none of."""
SMALLEST_P = 0.001
"""As far as a t test of a few seeds is to be trusted."""
MINUTE, HOUR = 60, 3600


def points(value: float | None) -> str:
    """Percent or percentage points, two decimals."""
    return NONE if value is None else f"{value:.2f}"


def signed(value: float | None) -> str:
    """A difference, two decimals, with its sign."""
    return NONE if value is None else f"{value:+.2f}"


def spread(values: Summary | Published | None) -> str:
    """Mean ± sample standard deviation, which one value has not; a difference's with its sign."""
    if values is None:
        return NONE
    mean = signed(values.mean) if isinstance(values, Difference) else points(values.mean)
    return mean if values.deviation is None else f"{mean} ± {points(values.deviation)}"


def interval(values: Summary | None, *, alone: str = "one run") -> str:
    """The confidence interval, a difference's with its signs; `alone` where there is one value."""
    if values is None:
        return NONE
    signs = isinstance(values, Difference)
    if values.low is None or values.high is None:
        if signs and values.n > 1:
            return "before the first look"
        return "one seed" if signs else alone
    form = signed if signs else points
    return f"{form(values.low)} to {form(values.high)}"


def p_value(value: float | None) -> str:
    """A p value to three decimals, never as 0."""
    if value is None:
        return NONE
    return f"< {SMALLEST_P}" if value < SMALLEST_P else f"{value:.3f}"


def p_in_words(value: float) -> str:
    """`p = 0.023` or `p < 0.001`."""
    printed = p_value(value)
    return f"p {printed}" if printed.startswith("<") else f"p = {printed}"


def error_rate(wrong: int, pairs: int) -> str:
    """Errors in %, in three characters."""
    rate = 100 * wrong / pairs if pairs else None
    if rate is None:
        return NONE
    return f"{rate:.1f}" if 0 < rate < 9.95 else f"{rate:.0f}"  # noqa: PLR2004 - rounded to 9.9


def seconds(value: float) -> str:
    """A duration: 4.2 s, 3 min 20 s, 1 h 5 min."""
    if not value >= MINUTE:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < HOUR:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // HOUR} h {whole % HOUR // 60} min"


def certainty(probability: float) -> str:
    """A probability in %, never rounded up to certainty."""
    if probability >= 1:
        return "more than 99.99%"
    return f"{math.floor(10_000 * probability) / 100:.2f}%" if probability >= 0 else "nan"


def yes_no(value: bool | None) -> str:  # noqa: FBT001 - the value itself
    """Whether something has a property; a dash where that has no meaning."""
    return {None: NONE, True: "yes", False: "no"}[value]


def some_of(count: int, total: int, noun: str) -> str:
    """`2 of 5 runs`, `all 5 runs`, `the run`."""
    if count < total:
        return f"{count:,} of {plural(total, noun)}"
    return f"the {noun}" if total == 1 else f"all {plural(total, noun)}"


def plural(count: float, noun: str) -> str:
    """`1 run`, `1,200 runs`, `0.5 points`."""
    number = f"{count:,}" if isinstance(count, int) else f"{count:g}"
    return f"{number} {noun}{'' if count == 1 else 's'}"
