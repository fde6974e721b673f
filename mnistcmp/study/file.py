"""Study files: a study as TOML."""

import re
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from mnistcmp.errors import UserError
from mnistcmp.study.study import Study

MOST_DOTS = 400
"""Between two signs of TOML: more than a question, the longest text of a study file, may have."""


def read_study(path: Path) -> Study:
    """The study that a file describes.

    Raises:
        UserError: The file cannot be read, is not TOML, or does not describe a study.
    """
    try:
        # Some editors begin a file with a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
        if "\0" in text:
            raise UserError(f"{path} is not UTF-8 text; save it as UTF-8.")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text; save it as UTF-8"
        raise UserError(f"cannot read the study file {path}: {reason}.") from error
    return parse_study(text, source=str(path))


def parse_study(text: str, *, source: str) -> Study:
    """The study that a TOML text describes; `source` names the text in errors.

    Raises:
        UserError: The text is not TOML, or does not describe a study.
    """
    # Python's parser takes hours for a name of a million parts.
    if max(part.count(".") for part in re.split(r"[,=\n]", text)) > MOST_DOTS:
        raise UserError(f"{source} is no study file: it has a name of more than {MOST_DOTS} parts.")
    try:
        content = tomllib.loads(text)
    # A number may have too many digits, and lists may stand in lists too deep.
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source} is not valid TOML: {error}.") from error
    try:
        return build_study(content)
    except UserError as error:
        raise UserError(f"{source}: {error}") from error


def format_study(study: Study) -> str:
    """The study as TOML, every recipe field spelled out; `parse_study` reads it back."""
    return tomli_w.dumps(study.to_toml_dict())


def build_study(content: dict[str, Any]) -> Study:
    """A validated study from plain values.

    Raises:
        UserError: A value is unknown, of another type, or out of range.
    """
    return Study(**content)
