"""Who reaches what of a cluster of containers: ports, with a token and without; credentials."""

import json
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import ray
import requests

from tests.support.clusters import Checkout
from tests.support.docker import IMAGE, containers, docker, needs_docker
from tests.support.servers import S3Server

DASHBOARD = Path(ray.__file__).parent / "dashboard"
ROUTE = re.compile(
    r'^ *@\w*\.?\w+\.(get|post|put|delete|patch|head)\(\s*f?"(/[^"]*)"', re.MULTILINE
)
OPEN = {"/", "/favicon.ico", "/api/authentication_mode", "/api/gcs_healthz"}
"""What the dashboard tells anybody: an empty page, that it wants a token, that it is alive."""
OF_AGENTS = {"/api/healthz", "/api/local_raylet_healthz"}
"""Routes of another port, which the dashboard does not have."""
PORTS = (Path(__file__).parents[1] / "support" / "ports.py").read_text(encoding="utf-8")
NETWORK = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}"
ADDRESS = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"

pytestmark = needs_docker


@pytest.fixture
def places(checkout: Checkout) -> list[str]:
    """Every port of every node that something listens on, beyond the node itself."""
    found = []
    for container in [*containers(checkout, "head"), *containers(checkout, "worker")]:
        address = docker("inspect", "--format", ADDRESS, container)
        inside = ("exec", "--interactive", container, "python", "-", "listening")
        found += [f"{address}:{port}" for port in json.loads(docker(*inside, program=PORTS))]
    assert len(found) > 15
    assert sum(place.endswith((":8265", ":6379")) for place in found) == 2
    return found


def _answers(network: str, token: str, places: list[str]) -> dict[str, str]:
    """What the places answer to a container on a network."""
    run = ("run", "--rm", "--interactive", "--network", network, IMAGE, "python", "-")
    found: dict[str, str] = json.loads(docker(*run, token, *places, program=PORTS))
    return found


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A network that has nothing to do with the cluster."""
    name = f"mnistcmp-elsewhere-{secrets.token_hex(4)}"
    docker("network", "create", name)
    yield name
    docker("network", "rm", name)


def test_no_port_is_reached_from_another_network(
    checkout: Checkout, places: list[str], elsewhere: str
) -> None:
    """Not even with the token."""
    token = (checkout.folder / ".cluster" / "token").read_text(encoding="ascii")
    assert set(_answers(elsewhere, token, places).values()) == {"closed"}


def test_every_port_asks_for_the_token_but_metrics_and_the_dashboard_s_page(
    checkout: Checkout, places: list[str]
) -> None:
    """From within the cluster's own network; with the token, none refuses."""
    network = docker("inspect", "--format", NETWORK, containers(checkout, "head")[0])
    token = (checkout.folder / ".cluster" / "token").read_text(encoding="ascii")
    for wrong in ("", "wrong", token[:-1] + ("0" if token[-1] != "0" else "1")):
        answers = _answers(network, wrong, places)
        assert set(answers.values()) == {"refused", "metrics", "page"}, answers
        (page,) = (place for place, answer in answers.items() if answer == "page")
        assert page.endswith(":8265")
    right = _answers(network, token, places)
    assert "refused" not in right.values(), right
    assert "closed" not in right.values(), right


@pytest.mark.parametrize("token", ["", "wrong"])
def test_every_route_of_the_dashboard_asks_for_the_token(checkout: Checkout, token: str) -> None:
    """All that Ray's own source declares, of each method, but for four that tell nothing."""
    routes = sorted(
        {
            (method, re.sub(r"\{[^}]*\}", "x", path))
            for file in DASHBOARD.rglob("*.py")
            if "tests" not in file.parts
            for method, path in ROUTE.findall(file.read_text(encoding="utf-8"))
        }
    )
    assert len(routes) > 60
    assert {("post", "/api/jobs/"), ("delete", "/api/jobs/x")} <= set(routes)
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(route: tuple[str, str]) -> int:
        method, path = route
        address = f"{checkout.address}{path}"
        with requests.request(method, address, headers=headers, timeout=10, stream=True) as answer:
            return answer.status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = dict(zip(routes, pool.map(ask, routes), strict=True))
    answered = {path for (_, path), status in statuses.items() if status not in {401, 403}}
    assert answered <= OPEN | OF_AGENTS
    assert all(statuses["get", path] == 404 for path in OF_AGENTS & answered)


def test_only_the_head_has_the_keys_of_an_object_store(
    checkout: Checkout, object_store: S3Server
) -> None:
    """As a file that no inspection of the container shows; results come into the store."""
    (head,) = containers(checkout, "head")
    workers = containers(checkout, "worker")
    look = "env; cat /run/secrets/*"
    assert object_store.secret in docker("exec", head, "sh", "-c", look)
    assert object_store.secret not in docker("inspect", head)
    for worker in workers:
        assert "AWS" not in docker("exec", worker, "sh", "-c", look).upper()
    kept = checkout.folder / ".cluster" / "aws_credentials"
    assert kept.stat().st_mode & 0o077 == 0
    output = f"s3://{object_store.make_bucket()}/there"
    small = ("-a", "baseline", "--seeds", "2", "--epochs", "1")
    done = checkout.mnistcmp("launch", *small, "--output", output)
    assert done.returncode == 0, done.stderr
    assert f"s3://{output.split('/')[2]}" in done.stdout
    assert "baseline" in checkout.mnistcmp("report", output).stdout


def test_other_keys_reach_the_head_that_is_up(checkout: Checkout) -> None:
    """They are written anew at each `make cluster-up`, in place."""
    kept = checkout.folder / ".cluster" / "aws_credentials"
    before = kept.read_text(encoding="utf-8")
    arguments = ("up", "--engine", "containers", "--port", str(checkout.port), "--workers", "2")
    without = checkout.manage(*arguments, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert without.returncode == 0, without.stderr
    (head,) = containers(checkout, "head")
    inside = ("exec", head, "cat", "/run/secrets/aws_credentials")
    assert docker(*inside) == "[default]"
    assert checkout.manage(*arguments).returncode == 0
    assert docker(*inside) == before.strip()
