"""Numbers as pages print them."""

import pytest

from mnistcmp.report import numbers as words
from mnistcmp.statistics import summarise


def test_a_probability_is_never_rounded_up_to_certainty() -> None:
    """Not even where single precision has made it 1."""
    assert words.certainty(0.99996) == "99.99%"
    assert words.certainty(1.0) == "more than 99.99%"


def test_a_p_value_is_never_zero() -> None:
    """Below what four decimals can say, a bound is said."""
    assert words.p_or_dash(1e-12) == "< 0.0001"
    assert words.p_or_dash(0.04321) == "0.0432"
    assert words.p_or_dash(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.24, "4.2 s"), (200.4, "3 min 20 s"), (3_900, "1 h 5 min")]
)
def test_durations_have_the_units_of_their_size(seconds: float, text: str) -> None:
    """Seconds, minutes, hours."""
    assert words.seconds(seconds) == text


def test_one_run_has_no_interval() -> None:
    """And no deviation."""
    assert words.interval(summarise([97.5])) == "one run"
    assert words.spread(summarise([97.5])) == "97.50"
