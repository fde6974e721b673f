"""moto's S3 server, which refuses requests without a signature, as S3 does.

moto itself fails at them where it asks for a key, and Arrow then asks again for six seconds.

python -m tests.support.s3 HOST PORT
"""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

REFUSED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


def serve(host: str, port: int) -> None:
    """Answers until the process ends."""
    moto = DomainDispatcherApplication(create_backend_app)

    def answer(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        if "HTTP_AUTHORIZATION" in environ:
            answered: Iterable[bytes] = moto(environ, start_response)
            return answered
        start_response("403 Forbidden", [("Content-Type", "application/xml")])
        return [REFUSED]

    run_simple(host, port, answer, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
