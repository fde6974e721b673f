"""How tests are run: with what they share, in which order, and how often memory is cleared up."""

import atexit
import gc
from collections import defaultdict

import pytest

SECONDS = {"ray": 15.0, "process": 3.0, "browser": 1.0}
"""About what a test of each mark takes; others a tenth."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Imports what tests share, torch with it, where tests are run: not where xdist deals out."""
    if not session.config.pluginmanager.has_plugin("dsession"):
        session.config.pluginmanager.import_plugin("tests.support.fixtures")
        # What tests import are a million objects that stay, too many to be gone through often.
        gc.set_threshold(50_000, 20, 20)


def pytest_sessionfinish() -> None:
    """Lets this process end as others do; commands that ran in it had it end as theirs do."""
    atexit.unregister(gc.freeze)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files that take longest first, so that two processes end together."""
    taken: defaultdict[object, float] = defaultdict(float)
    for item in items:
        taken[item.path] += max(
            (seconds for mark, seconds in SECONDS.items() if item.get_closest_marker(mark)),
            default=0.1,
        )
    items.sort(key=lambda item: -taken[item.path])
