"""Numbers as the pages print them."""

import math

from mnistcmp.networks.architectures import Published
from mnistcmp.report.sentences import p_value
from mnistcmp.statistics import Summary


def points(value: float | None) -> str:
    """Percent or percentage points, two decimals; a dash for none."""
    return "–" if value is None else f"{value:.2f}"


def signed(value: float | None) -> str:
    """A difference, two decimals, with its sign."""
    return "–" if value is None else f"{value:+.2f}".replace("-", "−")


def spread(summary: Summary | Published) -> str:
    """Mean and sample standard deviation."""
    if summary.deviation is None:
        return f"{summary.mean:.2f}"
    return f"{summary.mean:.2f} ± {summary.deviation:.2f}"


def interval(summary: Summary, *, sign: bool = False) -> str:
    """The confidence interval; of one run there is none."""
    if summary.low is None or summary.high is None:
        return "one run"
    show = signed if sign else points
    return f"{show(summary.low)} to {show(summary.high)}"


def p_or_dash(value: float | None) -> str:
    """A p value; a dash where there was no test."""
    return "–" if value is None else p_value(value)


def seconds(value: float) -> str:
    """A duration: 4.2 s, 3 min 20 s, 1 h 5 min."""
    if value < 60:  # noqa: PLR2004 - a minute
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def certainty(probability: float) -> str:
    """A probability in %, never rounded up to certainty."""
    hundredths = math.floor(10_000 * probability)
    return "more than 99.99%" if hundredths >= 10_000 else f"{hundredths / 100:.2f}%"  # noqa: PLR2004 - a whole


def yes_no(value: bool | None) -> str:  # noqa: FBT001 - the value itself
    """Of a property; a dash where it has no meaning."""
    return {None: "–", True: "yes", False: "no"}[value]


def plural(count: int, noun: str) -> str:
    """`1 run`, `1,200 runs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
