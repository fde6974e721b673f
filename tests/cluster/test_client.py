"""What a client says to a dashboard, and takes from it."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from mnistcmp import __version__
from mnistcmp.cluster.address import Cluster
from mnistcmp.cluster.client import ClusterClient
from mnistcmp.cluster.jobs import OUTPUT_KEY
from mnistcmp.cluster.node import own_labels
from mnistcmp.cluster.placement import Node
from mnistcmp.errors import UserError
from tests.support.dashboard import Dashboard, dashboard

VERSION = b'{"version": "4", "ray_version": "2.60.0", "ray_commit": "", "session_name": ""}'


@pytest.fixture(scope="module")
def server() -> Iterator[Dashboard]:
    """A dashboard of which only the version is known."""
    with dashboard() as shown:
        shown.answers["/api/version"] = VERSION
        yield shown


def test_no_proxy_sees_a_token_that_stays_on_this_machine(
    server: Dashboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what this client asks nor what Ray's does goes to the proxy of the environment."""
    monkeypatch.chdir(tmp_path)
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "example.com")
    with dashboard() as proxy:
        for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.address)
        client = ClusterClient(Cluster(address=server.address, found="a test", token="secret"))  # noqa: S106
        with pytest.raises(UserError):
            client.stop("nonesuch")
        assert proxy.asked == []
    assert {token for _, token in server.asked} == {"Bearer secret"}


def test_a_token_that_is_kept_back_is_not_sent_by_ray_s_client_either(
    server: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which would read it from the environment by itself."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    server.asked.clear()
    client = ClusterClient(Cluster(address=server.address, found="a test"))
    with suppress(UserError):
        client.submit_request("x", "{}", output="x", files=None)
    assert len(server.asked) > 1
    assert {token or None for _, token in server.asked} == {None}


JOB: dict[str, Any] = {
    "submission_id": "x-1",
    "status": "RUNNING",
    "metadata": {OUTPUT_KEY: "x"},
    "start_time": 1_795_000_000_000,
    "end_time": None,
    "message": None,
    "entrypoint": "as Ray has it",
}
NODE = {
    "state": "ALIVE",
    "node_name": "a",
    "resources_total": {"CPU": 2.0, "memory": 1e11},
    "labels": None,
}


def _nodes(**changes: object) -> object:
    return {"data": {"result": {"result": [NODE | changes]}}}


WHOLE = {
    "/api/version": VERSION,
    "/api/v0/nodes": json.dumps(_nodes()).encode(),
    "/api/jobs/": json.dumps([JOB]).encode(),
    "/api/jobs/x-1/logs": b'{"logs": "a line"}',
}


def _client(server: Dashboard) -> ClusterClient:
    return ClusterClient(Cluster(address=server.address, found="a test"))


def _look(client: ClusterClient) -> None:
    """Asks all that a client asks."""
    client.resources()
    client.jobs()
    client.log("x-1")


OURS, OTHER = own_labels(), own_labels() | {"mnistcmp-version": "0.0.1"}
ON_HEAD = {"CPU": 0.0, "node:__internal_head__": 1.0}


def _cluster_of(server: Dashboard, *nodes: object) -> ClusterClient:
    server.answers["/api/version"] = json.dumps({"ray_version": version("ray")}).encode()
    listed = {"data": {"result": {"result": nodes}}}
    server.answers["/api/v0/nodes"] = json.dumps(listed).encode()
    return _client(server)


def test_a_worker_of_another_version_is_left_out(server: Dashboard) -> None:
    """As there is while a cluster is renewed; it is named."""
    head = NODE | {"node_name": "head", "resources_total": ON_HEAD, "labels": OURS}
    other = NODE | {"node_name": "old", "labels": OTHER}
    client = _cluster_of(server, head, other, NODE | {"labels": OURS})
    assert client.resources() == [Node(cpus=0, gpus=0), Node(cpus=2, gpus=0)]
    (left_out,) = client.check("cpu")
    assert left_out == f"has mnistcmp-version 0.0.1 on node old, and this machine {__version__}"


@pytest.mark.parametrize(
    ("of_head", "of_worker", "named"),
    [
        (OTHER, OURS, "head"),
        (OURS, OTHER, "a"),
        (OURS, None, "a"),
        (OTHER, OTHER, "head"),
    ],
)
def test_a_cluster_whose_head_or_whose_workers_have_another_version_is_refused(
    server: Dashboard,
    of_head: dict[str, str],
    of_worker: dict[str, str] | None,
    named: str,
) -> None:
    """The driver is on the head, and somebody has to train."""
    head = NODE | {"node_name": "head", "resources_total": ON_HEAD, "labels": of_head}
    client = _cluster_of(server, NODE | {"labels": of_worker}, head)
    with pytest.raises(UserError, match=f"has mnistcmp-version .* on node {named}, and this mach"):
        client.check("cpu")


@pytest.mark.parametrize("path", WHOLE)
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<html>", "no JSON"),
        (b"\xff", "no JSON"),
        (b"", "HTTP 404"),
        (b"[" * 100_000, "no JSON"),
        (b"null", "JSON of another kind, "),
        (b"7", "JSON of another kind, "),
        (b'"x"', "JSON of another kind, "),
        (b'[{"status": 1}]', "JSON of another kind, "),
        (b"{}", "JSON of another kind, "),
        (b"[[]]", "JSON of another kind, "),
    ],
)
def test_what_is_no_dashboard_s_answer_is_named_in_one_line(
    path: str, content: bytes, found: str
) -> None:
    """Whichever of its answers it is."""
    with dashboard() as server:
        server.answers |= WHOLE | {path: content}
        with pytest.raises(UserError, match="is not a Ray dashboard") as caught:
            _look(_client(server))
    assert f"({found}" in str(caught.value)
    assert f" at {path}" in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/api/version", {"ray_version": ["2"]}),
        ("/api/version", {"ray_version": "2" * 10_000}),
        ("/api/v0/nodes", {"data": {"result": None}}),
        ("/api/v0/nodes", {"data": {"result": {"result": {"state": "ALIVE"}}}}),
        ("/api/v0/nodes", _nodes(resources_total={"CPU": "two"})),
        ("/api/v0/nodes", _nodes(resources_total={"CPU": -1})),
        ("/api/v0/nodes", _nodes(resources_total={"CPU": float("inf")})),
        ("/api/v0/nodes", _nodes(resources_total={"CPU": float("nan")})),
        ("/api/v0/nodes", _nodes(resources_total=[2])),
        ("/api/v0/nodes", _nodes(labels={"mnistcmp": {}})),
        ("/api/v0/nodes", _nodes(state=None)),
        ("/api/jobs/", [JOB | {"start_time": 10**30}]),
        ("/api/jobs/", [JOB | {"start_time": -1}]),
        ("/api/jobs/", [JOB | {"end_time": "yesterday"}]),
        ("/api/jobs/", [JOB | {"metadata": "x"}]),
        ("/api/jobs/", [JOB | {"submission_id": 1}]),
        ("/api/jobs/", [JOB | {"status": None}]),
        ("/api/jobs/", [JOB, None]),
        ("/api/jobs/x-1/logs", {"logs": ["line"]}),
        ("/api/jobs/x-1/logs", {"log": "line"}),
    ],
)
def test_a_field_that_is_not_as_ray_has_it_is_named(path: str, content: object) -> None:
    """One line, and no traceback where it is used."""
    with dashboard() as server:
        server.answers |= WHOLE | {path: json.dumps(content).encode()}
        with pytest.raises(UserError, match=rf"dashboard \(JSON of another kind, .* at {path}"):
            _look(_client(server))


def test_a_dashboard_s_answers_are_taken() -> None:
    """With whatever else they say, and jobs of others."""
    with dashboard() as server:
        server.answers |= WHOLE
        other = JOB | {"metadata": None, "submission_id": None}
        server.answers["/api/jobs/"] = json.dumps([other, JOB]).encode()
        client = _client(server)
        assert client.resources() == [Node(cpus=2, gpus=0)]
        (job,) = client.jobs()
        assert (job.id, job.output, job.status, job.message) == ("x-1", "x", "RUNNING", "")
        assert job.started_at == datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)
        assert client.log("x-1") == "a line"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIPPED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
BOMB = gzip.compress(bytes(50_000_000))


@pytest.mark.parametrize(
    ("parts", "pause", "found"),
    [
        ([], 9.0, "no answer within 1 s"),
        ([b"H"] * 1000, 0.1, "no whole answer within 2 s"),
        ([HEAD, b"\r\n", *[b" "] * 1000], 0.1, "no whole answer within 2 s"),
        ([HEAD, b"\r\n"], 9.0, "no answer within 1 s"),
        ([HEAD.replace(b"1000000", b"9" * 30), b"\r\n", *[bytes(2**16)] * 100], 0.0, "than 1 MiB"),
        (
            [CHUNKED, *[b"10000\r\n" + bytes(2**16) + b"\r\n"] * 100],
            0.0,
            "than 1 MiB",
        ),
        (
            [GZIPPED % len(BOMB), BOMB],
            0.0,
            "than 1 MiB",
        ),
        ([b"HTTP/1.1 302 Found\r\nLocation: /\r\nConnection: close\r\n\r\n"], 0.0, "redirects"),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], 0.0, "connection refused or lost"),
    ],
)
def test_no_answer_holds_a_command_up_or_fills_the_memory(
    parts: list[bytes], pause: float, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing, drop by drop, without an end, or a few bytes that unpack to many."""
    monkeypatch.setattr("mnistcmp.cluster.answers.PATIENCE", 1)
    monkeypatch.setattr("mnistcmp.cluster.client.PATIENCE", 1)
    monkeypatch.setattr("mnistcmp.cluster.answers.SECONDS", 2.0)
    monkeypatch.setattr("mnistcmp.cluster.client.LARGEST", 2**20)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=(server, parts, pause), daemon=True).start()
        cluster = Cluster(address=f"http://127.0.0.1:{server.getsockname()[1]}", found="a test")
        began = time.monotonic()
        with pytest.raises(UserError, match=found):
            ClusterClient(cluster)
        assert time.monotonic() - began < 8


def _answer(server: socket.socket, parts: list[bytes], pause: float) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_send, args=(connection, parts, pause), daemon=True).start()


def _send(connection: socket.socket, parts: list[bytes], pause: float) -> None:
    with suppress(OSError), connection:
        connection.recv(2**16)
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        if not parts:
            time.sleep(pause)
