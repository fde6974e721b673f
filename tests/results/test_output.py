"""Where results are, by the names that each side has for the place."""

from pathlib import Path

import pytest

from mnistcmp.errors import UserError
from mnistcmp.results.output import Output, SharedFolder


@pytest.fixture
def shared(folder: Path) -> SharedFolder:
    """A results folder in the working folder, which containers call /results."""
    return SharedFolder(here=folder / "results", there="/results")


def test_outputs_are_named_as_the_cluster_sees_them(shared: SharedFolder) -> None:
    """A folder of the shared one by both names, a URI as it is; the study's where none is asked."""
    assert Output.submitted(None, "table1", shared) == Output(here="results/table1", there="table1")
    inside = str(shared.here / "a" / "b")
    assert Output.submitted(inside, "table1", shared) == Output(here="results/a/b", there="a/b")
    uri = "s3://bucket/x"
    assert Output.submitted(uri, "table1", shared) == Output(here=uri, there=uri)
    assert shared.name_here("/results/a") == "results/a"
    assert shared.name_here("/elsewhere/a") is None


@pytest.mark.parametrize("unseen", ["elsewhere", "results", "results/../x"])
def test_a_folder_that_the_cluster_does_not_see_is_refused(
    shared: SharedFolder, unseen: str
) -> None:
    """And so is the whole results folder."""
    with pytest.raises(UserError, match="the cluster does not see the folder"):
        Output.submitted(unseen, "table1", shared)


def test_where_nothing_is_shared_this_machine_sees_no_folder() -> None:
    """Only URIs."""
    assert Output.submitted("a/b", "table1", None) == Output(here=None, there="a/b")
    assert Output.submitted("s3://b/x", "table1", None).here == "s3://b/x"


def test_a_job_s_outputs_are_below_its_cluster_s_results_folder() -> None:
    """Apart from URIs and absolute folders; without that folder, a relative one is refused."""
    assert Output.joined(None, "table1", "/results").there == "/results/table1"
    assert Output.joined("/a", "table1", None).there == "/a"
    assert Output.joined("s3://b/x", "table1", None).there == "s3://b/x"
    with pytest.raises(UserError, match="the cluster has no results folder for 'table1'"):
        Output.joined(None, "table1", None)


def test_a_fresh_output_is_the_first_that_is_free(folder: Path) -> None:
    """Beside the old ones, by both names."""
    place = Output(here="results/x/", there="x")
    assert place.fresh() == Output(here="results/x", there="x")
    for taken in ("x", "x-2"):
        (folder / "results" / taken).mkdir(parents=True)
    assert place.fresh() == Output(here="results/x-3", there="x-3")
