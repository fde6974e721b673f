"""Results folders of searches, which have no test results to report."""

from mnistcmp.errors import UserError
from mnistcmp.results.store import ResultsStore

POINTS = "points"
"""The folder with what became of each point, in the results folder of a search."""


def point_files(store: ResultsStore) -> list[str]:
    """The file names of the points that ended; none where the place is no search's."""
    return store.location.list(POINTS, ".json")


def refuse_search(store: ResultsStore) -> None:
    """For what needs test results.

    Raises:
        UserError: The place is of a search, which has none.
    """
    if point_files(store):
        raise untested(store)


def untested(store: ResultsStore) -> UserError:
    """For a place whose runs were not tested."""
    return UserError(
        f"{store.location} holds a search, which has no test results. 'mnistcmp report "
        f"{store.location}' prints its points; launch its best.toml to test the best one."
    )
