"""What a client says to a dashboard, and takes from it."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mnistcmp.cluster.address import Cluster
from mnistcmp.cluster.client import ClusterClient
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
