"""What a table's values may be: names that make no path, shares, counts and times; else a line."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from mnistcmp.errors import UserError, quoted
from mnistcmp.networks.architectures import architecture
from mnistcmp.results.schema import TABLES
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.seeds import LARGEST_SEED
from mnistcmp.study.wrong import STUDY_NAME

_PATTERNS = {"run_id": r"^[0-9a-f]{16}$", "recipe_hash": r"^[0-9a-f]{12}$", "study": STUDY_NAME}
_PARSERS: dict[str, Callable[[str], object]] = {
    "architecture": architecture,
    "recipe": Recipe.model_validate_json,
}
_OBEYED = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
"""What is taken out of a text before it is stored, since terminals obey it."""
_SLACK = 1e-3
"""By which a probability, a float of few digits, may be beyond its limits."""
_LIMITS: dict[str, tuple[float, float]] = {
    "share, 0 to 1": (0, 1),
    "0 to 1": (-_SLACK, 1 + _SLACK),
    "0 or 1": (0, 1),
    "digit": (0, 9),
    "nats": (-1e39, 1e39),
    "s": (0, 1e9),
    "seed": (0, LARGEST_SEED),
    "first_image": (0, 9_999),
    "second_image": (0, 9_999),
}
"""Of columns of a name, or else of a unit; others are counts."""
_COUNTS = 0, 2**31
_TIMES = 0, 2**53
"""Microseconds since 1970, for three centuries."""


def check_values(name: str, rows: pa.Table, place: str) -> None:
    """Looks whether rows of a table have values that a run can have.

    Whoever shows them, computes with them or names a file by them need not ask again.

    Args:
        name: The table's.
        rows: Some of its columns, and perhaps others.
        place: Where they stand, for errors.

    Raises:
        UserError: They do not.
    """
    for column in rows.column_names:
        if column not in TABLES[name].names:
            continue
        field, values = TABLES[name].field(column), rows[column]
        if field.type == pa.string():
            _check_texts(column, values, place)
        else:
            _check_numbers(field, values, place)


def refuse_nulls(name: str, rows: pa.Table, place: str) -> None:
    """Looks whether columns of a file lack a value that they have to have.

    Raises:
        UserError: They do.
    """
    for column in rows.column_names:
        if rows[column].null_count and not TABLES[name].field(column).nullable:
            raise _wrong(place, column, None)


def _check_texts(column: str, values: pa.ChunkedArray, place: str) -> None:
    # The others repeat.
    is_own = column in {"run_id", "error", "traceback"}
    texts = (values if is_own else pc.unique(values)).cast(pa.string())
    if column in _PATTERNS:
        bad = pc.invert(pc.match_substring_regex(texts, _PATTERNS[column]))
    else:
        bad = pc.match_substring_regex(texts, _OBEYED)
    if pc.any(bad).as_py():
        raise _wrong(place, column, pc.filter(texts, bad)[0].as_py())
    if column in _PARSERS:
        for text in texts.to_pylist():
            try:
                _PARSERS[column](text)
            except (UserError, ValidationError) as error:
                raise _wrong(place, column, text) from error


def _check_numbers(field: pa.Field, values: pa.ChunkedArray, place: str) -> None:
    unit = (field.metadata or {}).get(b"unit", b"").decode()
    low, high = _LIMITS.get(field.name, _LIMITS.get(unit, _COUNTS))
    if pa.types.is_timestamp(field.type):
        # Python's own times end long before Arrow's.
        values, (low, high) = values.cast(pa.int64()), _TIMES
    elif pa.types.is_floating(field.type) and pc.all(pc.is_finite(values)).as_py() is False:
        raise _wrong(place, field.name, float("nan"))
    found = pc.min_max(values)
    for extreme in (found["min"], found["max"]):
        if extreme.is_valid and not low <= extreme.as_py() <= high:
            raise _wrong(place, field.name, extreme.as_py())


def _wrong(place: str, column: str, value: object) -> UserError:
    said = "nothing" if value is None else quoted(value)
    return UserError(
        f"{place} has a row whose column '{column}' says {said}, which no run's does. Somebody "
        "else than mnistcmp has written there: take results that you trust."
    )
