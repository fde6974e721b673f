"""A cluster of containers for all tests here."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from tests.support.clusters import Checkout, make_checkout
from tests.support.docker import docker
from tests.support.servers import S3Server, free_port, start_s3_server


@pytest.fixture(scope="session")
def object_store() -> Iterator[S3Server]:
    """An S3 server that containers reach, too."""
    server, process = start_s3_server("0.0.0.0")  # noqa: S104 - for containers
    subnet = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}")
    # An engine that found its bridge there does not name the gateway, which is the first address.
    gateway = ip_network(subnet)[1]
    yield replace(server, url=server.url.replace("127.0.0.1", str(gateway)))
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def checkout(
    tmp_path_factory: pytest.TempPathFactory, object_store: S3Server
) -> Iterator[Checkout]:
    """A checkout with a cluster of two worker containers up, started by a user of a store."""
    made = make_checkout(
        tmp_path_factory.mktemp("checkout"), free_port(), **object_store.environment
    )
    up = made.up("containers")
    assert up.returncode == 0, up.stderr
    yield made
    made.manage("down")
