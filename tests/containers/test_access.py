"""Who reaches what of a cluster of containers: ports, with a token and without; credentials."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clusters import Checkout
from tests.support.docker import IMAGE, containers, docker, needs_docker
from tests.support.servers import S3Server

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
