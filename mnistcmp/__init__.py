"""Which network is better at comparing two handwritten digits, and how sure are we?

The way of one run through the package: `study` plans it, `data` draws its pairs, `training` trains
it, `results` stores it, `report` tells what came out; `cluster` does all of that on many processes
with Ray, and `cli` is the command `mnistcmp`. docs/structure.md says more.

For Python programs: `Study`, `launch`, `events`, `open`, `Results` and `UserError`. They are
imported when they are first used, so that a part of the package works where others' needs are not
installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnistcmp.api.launching import events, launch
    from mnistcmp.api.results import Results, open_results
    from mnistcmp.errors import UserError
    from mnistcmp.study.study import Study

    open = open_results  # noqa: A001 - as in `mnistcmp.open`

__version__ = "0.1.0"

# But for `open`, which `from mnistcmp import *` would put in the place of Python's own.
__all__ = ["Results", "Study", "UserError", "events", "launch"]

_WHERE = {
    "Results": ("mnistcmp.api.results", "Results"),
    "Study": ("mnistcmp.study.study", "Study"),
    "UserError": ("mnistcmp.errors", "UserError"),
    "events": ("mnistcmp.api.launching", "events"),
    "launch": ("mnistcmp.api.launching", "launch"),
    "open": ("mnistcmp.api.results", "open_results"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - of several kinds
    if name not in _WHERE:
        raise AttributeError(f"module 'mnistcmp' has no attribute '{name}'")
    module, attribute = _WHERE[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*globals(), *_WHERE]
