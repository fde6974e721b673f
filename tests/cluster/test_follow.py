"""A job's log, followed through a dashboard that goes away and comes back."""

import json
from collections.abc import Iterator
from threading import Timer

import pytest

from mnistcmp.cluster import follow
from mnistcmp.cluster.address import Cluster
from mnistcmp.cluster.client import ClusterClient
from mnistcmp.cluster.events import Reported, Waits, to_line
from mnistcmp.cluster.jobs import OUTPUT_KEY
from mnistcmp.cluster.places import ClusterPlace
from mnistcmp.errors import UserError
from tests.support.dashboard import Dashboard, dashboard

JOB = "/api/jobs/x-1"


@pytest.fixture
def server() -> Iterator[Dashboard]:
    """A dashboard."""
    with dashboard() as shown:
        shown.answers["/api/version"] = b'{"ray_version": "2.60.0"}'
        yield shown


def _tell(server: Dashboard, status: str, log: str) -> None:
    job = {"submission_id": "x-1", "status": status, "metadata": {OUTPUT_KEY: "x"}}
    server.answers[JOB] = json.dumps(job).encode()
    server.answers[f"{JOB}/logs"] = json.dumps({"logs": log}).encode()


@pytest.fixture
def client(server: Dashboard, monkeypatch: pytest.MonkeyPatch) -> ClusterClient:
    """One that gives a job up after two seconds."""
    monkeypatch.setattr(follow, "LOST_SECONDS", 2)
    monkeypatch.setattr(follow, "SAID_SECONDS", 0.1)
    return ClusterClient(Cluster(address=server.address, found="a test"))


@pytest.fixture
def lines(server: Dashboard, client: ClusterClient) -> Iterator[str | Waits]:
    """Those of a job that runs."""
    _tell(server, "RUNNING", "first\nsecond\nthi")
    return follow.follow_log(client, "x-1", every=0.02)


def test_each_line_comes_once_when_it_is_whole(
    server: Dashboard, lines: Iterator[str | Waits]
) -> None:
    """The last one with the job's end."""
    assert [next(lines), next(lines)] == ["first", "second"]
    _tell(server, "SUCCEEDED", "first\nsecond\nthird\nfourth")
    assert list(lines) == ["third", "fourth"]


def test_a_dashboard_that_is_away_is_told_of(
    server: Dashboard, lines: Iterator[str | Waits]
) -> None:
    """With why; and a job that a head submitted again tells anew."""
    assert [next(lines), next(lines)] == ["first", "second"]
    del server.answers[JOB]
    waits = next(lines)
    assert isinstance(waits, Waits)
    assert waits.message.startswith("The job x-1 is not seen: ")
    assert "(HTTP 404 at /api/jobs/x-1)" in waits.message
    _tell(server, "SUCCEEDED", "anew\nagain")
    assert list(lines) == ["anew", "again"]


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_dashboard_that_is_away_after_the_end_changes_nothing(
    server: Dashboard, client: ClusterClient, *, comes_back: bool
) -> None:
    """A driver tells its last before the job has ended."""
    reported = Reported(output="x", trained=0, report=None)
    log = f"{to_line(reported)}\nDone."
    _tell(server, "RUNNING", log)
    events = ClusterPlace.follow(client, "x-1")
    assert next(events) == reported
    del server.answers[JOB]
    back = Timer(1, _tell, (server, "SUCCEEDED", log))
    if comes_back:
        back.start()
    assert list(events) == []
    back.cancel()


def test_a_job_that_stays_away_is_given_up_with_how_to_go_on(
    server: Dashboard, lines: Iterator[str | Waits]
) -> None:
    """In one line."""
    assert next(lines) == "first"
    del server.answers[JOB]
    told: list[str | Waits] = []
    with pytest.raises(UserError, match=r"x-1 was lost from sight .*attach x-1\); else launch aga"):
        told.extend(lines)
    assert [type(each) for each in told] == [str, Waits]
