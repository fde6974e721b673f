"""Seeds as people write them."""

import pytest

from mnistcmp.errors import UserError
from mnistcmp.study.seeds import format_seeds, parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("10", tuple(range(10))),
        ("1", (0,)),
        ("0", (0,)),
        ("0-4,7", (0, 1, 2, 3, 4, 7)),
        ("7-7", (7,)),
        (" 3 , 1 ", (1, 3)),
        ("2,2,1-3", (1, 2, 3)),
    ],
)
def test_reads_counts_lists_and_ranges(text: str, seeds: tuple[int, ...]) -> None:
    """A number is a count, anything with a comma or a dash a list, each seed once and in order."""
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["a", "-1", "5-2", "", "1,,2", "1.5", "4294967296-4294967296"])
def test_refuses_what_is_not_seeds(text: str) -> None:
    """The error names the text and says what is allowed."""
    with pytest.raises(UserError, match="Allowed: a count"):
        parse_seeds(text)


@pytest.mark.parametrize("seeds", [(0,), (7,), (0, 1, 2), (0, 1, 5, 8, 9)])
def test_formats_seeds_so_that_they_read_back(seeds: tuple[int, ...]) -> None:
    """What is formatted parses to the same seeds, one seed alone too."""
    assert parse_seeds(format_seeds(seeds)) == seeds
