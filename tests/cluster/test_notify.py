"""A message at the end of a launch."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mnistcmp.cluster.events import Reported
from mnistcmp.cluster.launch import Launch
from mnistcmp.cluster.notify import check_url, notify
from mnistcmp.cluster.places import LocalPlace
from mnistcmp.errors import UserError
from mnistcmp.report.build import build_report
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.study import Study

Notify = Callable[[str], str | None]


@pytest.fixture
def server() -> Iterator[tuple[str, list[bytes]]]:
    """The address of an HTTP server, and what was posted to it; /no is refused."""
    posted: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(503 if self.path == "/no" else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}", posted
        serving.shutdown()


@pytest.fixture
def tell(store: ResultsStore) -> Notify:
    """Notifies of the small study's report."""
    report = build_report(store)
    return lambda url: notify(url, report, trained=4, failed=1)


def test_a_launch_posts_its_answer_once(
    store: ResultsStore, study: Study, server: tuple[str, list[bytes]]
) -> None:
    """As JSON, before it ends; here nothing is left to train, so no Ray starts."""
    address, posted = server
    launch = Launch(study=study, output=store.location.name, notify=f"{address}/x")
    (ended,) = LocalPlace().run(launch)
    assert isinstance(ended, Reported)
    assert ended.report is not None
    assert ended.notice is None
    (message,) = map(json.loads, posted)
    assert message == {
        "study": "small",
        "answer": ended.report.answer,
        "trained": 0,
        "failed": 0,
        "missing": 0,
    }


def test_a_server_that_refuses_is_told(tell: Notify, server: tuple[str, list[bytes]]) -> None:
    """With its status, and without the URL."""
    address, posted = server
    assert tell(f"{address}/no") == ("Nobody was notified: HTTP 503. Look at the URL of --notify.")
    assert len(posted) == 1


def test_a_port_where_nobody_listens_is_told(tell: Notify) -> None:
    """The launch goes on to its end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert "Nobody was notified: the connection was refused or lost." in str(
        tell(f"http://127.0.0.1:{port}")
    )


def test_a_server_that_hangs_is_not_waited_for(
    tell: Notify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not longer than patience lasts."""
    monkeypatch.setattr("mnistcmp.cluster.notify.SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert "no answer within 0.2 s" in str(tell(f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize("url", ["", "example.org", "ftp://x/y", "http://", "http://[x", "/a b"])
def test_what_is_no_url_is_refused_before_anything_starts(url: str) -> None:
    """In one line with what is allowed."""
    with pytest.raises(UserError, match=r"is no URL to post to\. Allowed: http"):
        check_url(url)
