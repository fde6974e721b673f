"""A job's log, followed through a dashboard that goes away and comes back."""

import json
from collections.abc import Iterator

import pytest

from mnistcmp.cluster import follow
from mnistcmp.cluster.address import Cluster
from mnistcmp.cluster.client import ClusterClient
from mnistcmp.cluster.events import Reported, Waits, from_line, to_line
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
def lines(server: Dashboard, client: ClusterClient) -> Iterator[str]:
    """Those of a job that runs."""
    _tell(server, "RUNNING", "first\nsecond\nthi")
    return follow.follow_log(client, "x-1", every=0.02)


def test_each_line_comes_once_when_it_is_whole(server: Dashboard, lines: Iterator[str]) -> None:
    """The last one with the job's end."""
    assert [next(lines), next(lines)] == ["first", "second"]
    _tell(server, "SUCCEEDED", "first\nsecond\nthird\nfourth")
    assert list(lines) == ["third", "fourth"]


def test_a_dashboard_that_is_away_is_told_of_once(server: Dashboard, lines: Iterator[str]) -> None:
    """A job that a head submitted again tells anew."""
    assert [next(lines), next(lines)] == ["first", "second"]
    del server.answers[JOB]
    waits = from_line(next(lines))
    assert isinstance(waits, Waits)
    assert waits.message.endswith("does not answer for the job x-1. Asking again, for 2 s ...")
    _tell(server, "SUCCEEDED", "anew\nagain")
    assert list(lines) == ["anew", "again"]


def test_that_a_dashboard_is_away_after_the_end_is_no_other_end(
    server: Dashboard, client: ClusterClient
) -> None:
    """A driver may have told its last before the job has ended."""
    reported = Reported(output="x", trained=0, report=None)
    _tell(server, "RUNNING", f"{to_line(reported)}\nDone.")
    events = ClusterPlace.follow(client, "x-1")
    assert next(events) == reported
    del server.answers[JOB]
    assert isinstance(next(events), Waits)
    _tell(server, "SUCCEEDED", f"{to_line(reported)}\nDone.")
    assert list(events) == []


def test_a_job_that_stays_away_is_given_up_with_how_to_go_on(
    server: Dashboard, lines: Iterator[str]
) -> None:
    """In one line."""
    assert next(lines) == "first"
    del server.answers[JOB]
    with pytest.raises(UserError, match=r"x-1 was lost from sight .*attach x-1\); else launch aga"):
        list(lines)
