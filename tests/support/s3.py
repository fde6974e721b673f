"""moto's S3 server, which refuses requests without a signature, as S3 does.

It fails at every request from one SIGUSR1 to the next.

moto itself fails at them where it asks for a key, and Arrow then asks again for six seconds.

python -m tests.support.s3 HOST PORT
"""

import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

FAILED = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
REFUSED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


def serve(host: str, port: int) -> None:
    """Answers until the process ends."""
    moto = DomainDispatcherApplication(create_backend_app)
    fails = False

    def toggle(*_: object) -> None:
        nonlocal fails
        fails = not fails

    def answer(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        if fails:
            start_response("503 Slow Down", [("Content-Type", "application/xml")])
            return [FAILED]
        if "HTTP_AUTHORIZATION" in environ:
            answered: Iterable[bytes] = moto(environ, start_response)
            return answered
        start_response("403 Forbidden", [("Content-Type", "application/xml")])
        return [REFUSED]

    signal.signal(signal.SIGUSR1, toggle)
    run_simple(host, port, answer, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
