"""Numbers as every form of a report prints them."""

import re
from pathlib import Path

import pytest

from mnistcmp.report import numbers
from mnistcmp.statistics import Summary, paired_difference, summarise


def test_a_probability_is_never_rounded_up_to_certainty() -> None:
    """Not even where single precision has made it 1."""
    assert numbers.certainty(0.99996) == "99.99%"
    assert numbers.certainty(1.0) == "more than 99.99%"


def test_a_p_value_is_never_zero() -> None:
    """Below what three decimals can say, a bound is said."""
    assert numbers.p_value(1e-12) == "< 0.001"
    assert numbers.p_value(0.04321) == "0.043"
    assert numbers.p_value(None) == "–"
    assert numbers.p_in_words(1e-12) == "p < 0.001"
    assert numbers.p_in_words(0.0432) == "p = 0.043"


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.24, "4.2 s"), (200.4, "3 min 20 s"), (3_900, "1 h 5 min")]
)
def test_durations_have_the_units_of_their_size(seconds: float, text: str) -> None:
    """Seconds, minutes, hours."""
    assert numbers.seconds(seconds) == text


def test_one_run_has_no_interval() -> None:
    """And no deviation."""
    assert numbers.interval(summarise([97.5])) == "one run"
    assert numbers.spread(summarise([97.5])) == "97.50"


def test_a_difference_has_its_sign() -> None:
    """In its mean and at both ends; of one seed there is no interval."""
    difference = paired_difference([5, 7, 9], [6, 9, 12])
    assert numbers.spread(difference) == "-2.00 ± 1.00"
    assert numbers.interval(difference) == "-4.48 to +0.48"
    assert numbers.interval(paired_difference([5], [6])) == "one seed"


def test_what_failed_is_counted_as_one_says_it() -> None:
    """Not as 1 of 1 runs."""
    assert numbers.some_of(1, 5, "run") == "1 of 5 runs"
    assert numbers.some_of(5, 5, "run") == "all 5 runs"
    assert numbers.some_of(1, 1, "run") == "the run"


def test_what_is_not_a_number_is_printed_as_such() -> None:
    """A run that diverged is no reason for a traceback."""
    nan = float("nan")
    broken = Summary(n=2, mean=nan, deviation=nan, low=nan, high=nan)
    assert numbers.spread(broken) == "nan ± nan"
    assert numbers.interval(broken) == "nan to nan"
    assert (numbers.points(nan), numbers.p_value(nan)) == ("nan", "nan")
    assert (numbers.seconds(nan), numbers.certainty(nan)) == ("nan s", "nan")


def test_the_level_of_confidence_is_written_from_its_number() -> None:
    """Neither code nor a template of the report writes a percentage of confidence."""
    assert numbers.LEVEL == "95%"
    package = Path(numbers.__file__).parent
    files = [package.parent / "statistics.py", *package.rglob("*.py"), *package.rglob("*.j2")]
    typed = [str(path) for path in files if re.search(r"\b95 ?%", path.read_text("utf-8"))]
    assert typed == []
