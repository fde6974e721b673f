"""The cluster that tests of jobs share."""

from collections.abc import Iterator

import pytest

from tests.support.clusters import Checkout, make_checkout
from tests.support.servers import S3Server, free_port


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server) -> Iterator[Checkout]:
    """A checkout with a cluster of two workers up."""
    made = make_checkout(tmp_path_factory.mktemp("checkout"), free_port(), **s3_server.environment)
    up = made.up("processes")
    assert up.returncode == 0, up.stderr
    yield made
    made.manage("down")
