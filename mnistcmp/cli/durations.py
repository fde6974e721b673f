"""Durations as people write them: `90s`, `30m`, `1h30m`."""

import math
import re

from mnistcmp.errors import UserError

_PARTS = r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?"


def seconds_of(text: str, *, option: str) -> float:
    """The seconds that an option's text names; they are above 0.

    Raises:
        UserError: It names none.
    """
    found = re.fullmatch(_PARTS, text.replace(" ", ""))
    hours, minutes, seconds = (float(part or 0) for part in found.groups()) if found else (0, 0, 0)
    whole = 3600 * hours + 60 * minutes + seconds
    if not 0 < whole < math.inf:
        raise UserError(f"{option} {text}: expected a duration above 0, as in 90s, 30m or 1h30m.")
    return whole
