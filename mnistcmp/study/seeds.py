"""Seeds as people write them: `10`, `0-4,7`."""

import re
from collections.abc import Iterable

from mnistcmp.errors import UserError, cut

LARGEST_SEED = 2**32 - 1
MOST_SEEDS = 1_000_000
DIGITS = 11
"""More than the largest seed has."""

_ALLOWED = (
    "Allowed: a count (10 is the seeds 0 to 9), a list (0-4,7), or 0 for seed 0 alone; "
    f"seeds are whole numbers from 0 to {LARGEST_SEED}."
)


def parse_seeds(text: str) -> tuple[int, ...]:
    """The seeds that a text names, in order, each once.

    A whole number above zero is a count: `10` is the seeds 0 to 9. Anything with a comma or a dash
    is a list: `0-4,7`, `7-7`. `0` is seed 0 alone.

    Raises:
        UserError: The text is neither, or a range runs backwards, or a seed is out of range.
    """
    text = text.strip()
    if re.fullmatch(r"[0-9]+", text):
        return tuple(_span(text, 0, max(_whole(text), 1) - 1))
    seeds: dict[int, None] = {}
    for part in text.split(","):
        span = re.fullmatch(r"\s*([0-9]+)\s*(?:-\s*([0-9]+)\s*)?", part)
        if span is None:
            raise UserError(
                f"seeds '{cut(text)}': '{cut(part.strip())}' is not a seed or a range. {_ALLOWED}"
            )
        first = _whole(span[1])
        seeds.update(dict.fromkeys(_span(text, first, _whole(span[2]) if span[2] else first)))
        if len(seeds) > MOST_SEEDS:
            raise _too_many(text)
    return tuple(sorted(seeds))


def _whole(digits: str) -> int:
    """A number; of more digits than a seed has, one that is too large."""
    return int(digits) if len(digits.lstrip("0")) < DIGITS else LARGEST_SEED + 2


def _too_many(text: str) -> UserError:
    return UserError(f"seeds '{cut(text)}': more than {MOST_SEEDS:,} seeds. Split the study.")


def _span(text: str, first: int, last: int) -> range:
    if last < first:
        raise UserError(f"seeds '{cut(text)}': the range {first}-{last} runs backwards. {_ALLOWED}")
    if last > LARGEST_SEED:
        raise UserError(f"seeds '{cut(text)}': {last} is too large. {_ALLOWED}")
    if last - first >= MOST_SEEDS:
        raise _too_many(text)
    return range(first, last + 1)


def format_seeds(seeds: Iterable[int]) -> str:
    """The seeds as a list that `parse_seeds` reads back: `0-4,7`, and `7-7` for seed 7 alone."""
    spans: list[list[int]] = []
    for seed in sorted(seeds):
        if spans and seed == spans[-1][1] + 1:
            spans[-1][1] = seed
        else:
            spans.append([seed, seed])
    alone = len(spans) == 1
    return ",".join(f"{a}-{b}" if a != b or alone else f"{a}" for a, b in spans)


def describe_seeds(seeds: Iterable[int]) -> str:
    """The seeds for people: as `format_seeds`, but one seed alone is just that."""
    listed = list(seeds)
    return str(listed[0]) if len(listed) == 1 else format_seeds(listed)
