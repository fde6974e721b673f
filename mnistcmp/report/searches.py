"""Results folders of searches, which have no test results to report."""

from mnistcmp.errors import UserError
from mnistcmp.results.store import ResultsStore


def is_search(store: ResultsStore) -> bool:
    """Whether the place is of a search, a point of which has ended."""
    return bool(store.trials())


def refuse_search(store: ResultsStore) -> None:
    """For what needs test results.

    Raises:
        UserError: The place is of a search, which has none.
    """
    if is_search(store):
        raise untested(store)


def untested(store: ResultsStore) -> UserError:
    """For a place whose runs were not tested."""
    return UserError(
        f"{store.location} holds a search, which has no test results. 'mnistcmp report "
        f"{store.location}' prints its points; launch its best.toml to test the best one."
    )
