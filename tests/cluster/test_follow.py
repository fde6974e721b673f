"""A job's log, followed through a dashboard that goes away and comes back."""

import json
from collections.abc import Iterator

import pytest

from mnistcmp.cluster import follow
from mnistcmp.cluster.address import Cluster
from mnistcmp.cluster.client import ClusterClient
from mnistcmp.cluster.events import Waits, from_line
from mnistcmp.cluster.jobs import OUTPUT_KEY
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
def lines(server: Dashboard, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Those of a job that runs; it is given up after half a second."""
    monkeypatch.setattr(follow, "LOST_SECONDS", 0.5)
    monkeypatch.setattr(follow, "SAID_SECONDS", 0.1)
    _tell(server, "RUNNING", "first\nsecond\nthi")
    client = ClusterClient(Cluster(address=server.address, found="a test"))
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
    assert waits.message.endswith("does not answer for the job x-1. Asking again, for 0.5 s ...")
    _tell(server, "SUCCEEDED", "anew\nagain")
    assert list(lines) == ["anew", "again"]


def test_a_job_that_stays_away_is_given_up_with_how_to_go_on(
    server: Dashboard, lines: Iterator[str]
) -> None:
    """In one line."""
    assert next(lines) == "first"
    del server.answers[JOB]
    with pytest.raises(UserError, match=r"x-1 was lost from sight .*attach x-1\); else launch aga"):
        list(lines)
