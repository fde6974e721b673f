"""A server that answers as a test tells it to, in the place of a cluster's dashboard."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override


@dataclass
class Dashboard:
    """What is answered, and what was asked."""

    address: str
    answers: dict[str, bytes] = field(default_factory=dict)
    """By path without its query; what is not here is answered by `otherwise`."""
    otherwise: bytes = b""
    """Not found where it is empty."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Each request's target and its Authorization."""


@contextmanager
def dashboard() -> Iterator[Dashboard]:
    """A dashboard on 127.0.0.1, while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        @override
        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

        def do_GET(self) -> None:
            shown.asked.append((self.path, self.headers.get("Authorization")))
            answer = shown.answers.get(self.path.split("?")[0], shown.otherwise)
            self.send_response(200 if answer else 404)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET  # noqa: N815 - the base class's

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shown = Dashboard(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield shown
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
