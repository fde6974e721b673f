"""The space of a search, as people write it: values and ranges of a recipe's fields."""

import math
import re
import tomllib
from dataclasses import dataclass
from typing import Any

from mnistcmp.errors import UserError, unknown_name
from mnistcmp.study.recipe import Recipe

ALIASES = {"lr": "learning_rate"}
"""Short names of fields, understood and printed."""

LOG_FROM = 10
"""Ends of a range at least that many times apart are drawn from by their logarithm."""

LONGEST = 10_000
"""Characters of a grid or a range: a grid of that many takes a fifth of a second to read."""

DIGITS = 3
"""Significant ones of a value drawn from a range: more say nothing, and nobody can read them."""

_GRID = "Allowed: FIELD=VALUE,VALUE, for instance --grid learning_rate=0.001,0.005."
_RANGE = "Allowed: FIELD=LOW:HIGH, for instance --range learning_rate=0.0005:0.05."


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A field that takes one of several values."""

    field: str
    values: tuple[Any, ...]
    """As a study file has them."""

    @property
    def size(self) -> float:
        """How many values there are."""
        return len(self.values)

    def describe(self) -> str:
        """The values for people."""
        return ", ".join(map(str, self.values))


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """A number that lies between two ends, which it may take; whole where they are ints."""

    field: str
    low: int | float
    high: int | float

    @property
    def values(self) -> tuple[Any, ...]:
        """Its two ends."""
        return self.low, self.high

    @property
    def is_whole(self) -> bool:
        """Whether the field is a whole number."""
        return isinstance(self.low, int)

    @property
    def is_log(self) -> bool:
        """Whether each factor is as likely as another, instead of each difference."""
        return self.low > 0 and self.high >= LOG_FROM * self.low

    @property
    def size(self) -> float:
        """How many values there are; infinite of a field that is not whole."""
        return self.high - self.low + 1 if self.is_whole else math.inf

    def describe(self) -> str:
        """The range for people."""
        return f"{self.low} to {self.high}{', logarithmic' if self.is_log else ''}"

    def take(self, value: float) -> float:
        """The value as a point has it: whole, or rounded to so many digits, and in the range."""
        rounded = round(value) if self.is_whole else float(f"{value:.{DIGITS}g}")
        return min(max(rounded, self.low), self.high)


Dimension = Choice | Range


def parse_grid(text: str) -> list[Choice]:
    """The fields and values of a text: `lr=0.001,0.005;batch_size=16,32`.

    Before the next field a comma is as good as a semicolon. A value is written as in a study file;
    texts need no quotes.

    Raises:
        UserError: A field is unknown or stands there twice, or a value is missing or repeated.
    """
    choices = []
    for part in re.split(r";|,(?=\s*\w+\s*=)", text):
        field, values = _field_of(part, option="--grid", allowed=_GRID)
        # Commas in brackets belong to a list, which some fields are.
        read = tuple(_read_value(value) for value in re.split(r",(?![^\[]*\])", values))
        if "" in read:
            raise UserError(f"--grid '{text.strip()}': a value of {field} is missing. {_GRID}")
        if repeated := [value for n, value in enumerate(read) if value in read[:n]]:
            raise UserError(f"--grid: {field} has the value {repeated[0]} twice. Leave one out.")
        choices.append(Choice(field=field, values=read))
    return choices


def parse_range(text: str) -> Range:
    """The field and the ends of a text: `learning_rate=0.0005:0.05`.

    Raises:
        UserError: The field is unknown or no number, or an end is missing, or they are turned
            around.
    """
    field, ends = _field_of(text, option="--range", allowed=_RANGE)
    kind = Recipe.model_fields[field].annotation
    if kind not in {int, float}:
        raise UserError(
            f"--range: {field} is not a number, so it has no range. List its values: "
            f"--grid {field}=VALUE,VALUE."
        )
    read = [_read_value(end) for end in ends.split(":")]
    if len(read) != 2 or not all(type(end) in {int, kind} for end in read):  # noqa: PLR2004
        whole = " of whole numbers" if kind is int else ""
        raise UserError(f"--range '{text.strip()}' is not a range{whole}. {_RANGE}")
    try:
        low, high = (kind(end) for end in read)
    except OverflowError:
        low = high = math.inf
    if not -math.inf < low < high < math.inf:
        raise UserError(f"--range '{text.strip()}': {low} is not below {high}. {_RANGE}")
    return Range(field=field, low=low, high=high)


def in_short(field: str) -> str:
    """A field's name as tables and points have it."""
    short = {long: alias for alias, long in ALIASES.items()}
    return short.get(field, field.replace("_", " "))


def _field_of(text: str, *, option: str, allowed: str) -> tuple[str, str]:
    if len(text) > LONGEST:
        raise UserError(f"{option}: more than {LONGEST:,} characters. {allowed}")
    name, found, values = text.partition("=")
    field = ALIASES.get(name.strip(), name.strip())
    if not found:
        raise UserError(f"{option} '{text.strip()}' has no '='. {allowed}")
    if field not in Recipe.model_fields:
        raise unknown_name("recipe field", field, Recipe.model_fields)
    if field == "test_pairs":
        raise UserError(f"{option}: a search sees no test pairs. Search another field.")
    return field, values


def _read_value(text: str) -> Any:  # noqa: ANN401 - any field's
    """As a study file has it, a text with or without quotes."""
    try:
        return tomllib.loads(f"value = {text.strip()}")["value"]
    # A number may have too many digits, and lists may stand in lists too deep.
    except (ValueError, RecursionError):
        return text.strip()
