"""Which cluster a command means, and the token that it asks for. Imports no Ray."""

import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from mnistcmp.errors import UserError
from mnistcmp.files import expand_home, whole_file
from mnistcmp.results.output import SharedFolder

ADDRESS_VARIABLES = ("MNISTCMP_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
IN_CLEAR = "MNISTCMP_TOKEN_OVER_HTTP"
"""Whether a token goes unencrypted to another machine: 1 sends it, 0 keeps it back."""
STATE_FOLDER = ".cluster"
"""Beside the Makefile: what `make cluster-up` knows of its cluster, and the cluster's token."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """A cluster's dashboard, to which jobs are submitted."""

    address: str
    """http://HOST:PORT."""
    found: str
    """How it was found, for people."""
    token: str | None = field(repr=False, default=None)
    shared: SharedFolder | None = None
    """The cluster's results folder, where this machine sees it too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterState:
    """What `make cluster-up` writes down."""

    address: str
    kind: str
    """As `ENGINE` names it."""
    results: str
    """The folder that the cluster's results appear in, on this machine."""
    results_there: str
    """Its name inside the cluster."""
    workers: int
    worker_cpus: int
    gpus: int = 0
    """Of each worker."""
    details: dict[str, Any] = field(default_factory=dict)
    """What its kind has to know of it, and nobody else."""

    @property
    def shared(self) -> SharedFolder:
        """The results folder, by its two names."""
        return SharedFolder(here=Path(self.results), there=self.results_there)

    @staticmethod
    def read(folder: Path) -> "ClusterState | None":
        """The state in a checkout; None where no cluster is up."""
        try:
            text = (folder / STATE_FOLDER / "state.json").read_text(encoding="utf-8")
            return TypeAdapter(ClusterState).validate_json(text)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise UserError(
                f"cannot read {folder / STATE_FOLDER / 'state.json'}: {reason}. "
                "Remove it and run 'make cluster-up'."
            ) from error

    def write(self, folder: Path) -> None:
        """Notes the state in a checkout."""
        path = folder / STATE_FOLDER / "state.json"
        with whole_file(path, "the cluster's state") as file:
            file.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def find_cluster(
    address: str | None, environment: Mapping[str, str] = os.environ, start: Path | None = None
) -> Cluster | None:
    """The cluster that an address names, else the environment, else `make cluster-up` here.

    A cluster that `make cluster-up` started is found from its checkout and every folder in it.

    Returns:
        None where there is none of the three.

    Raises:
        UserError: The address is not one of a dashboard, or the token would go there in clear.
    """
    up = _cluster_up(start or Path.cwd())
    state = None if up is None else ClusterState.read(up)
    if address is not None:
        named, found = address, "--address"
    else:
        variable = next((name for name in ADDRESS_VARIABLES if environment.get(name)), None)
        if variable is not None:
            named, found = environment[variable], variable
        elif state is not None:
            named, found = state.address, "make cluster-up"
        else:
            return None
    named = _checked(named, found)
    is_up = state is not None and state.address == named
    token = _token(environment, up if is_up else None)
    if token is not None and _is_in_clear(named):
        token = _insisted(named, token, environment.get(IN_CLEAR))
    return Cluster(
        address=named,
        found=found,
        token=token,
        shared=state.shared if state is not None and is_up else None,
    )


def _cluster_up(start: Path) -> Path | None:
    here = start.absolute()
    return next((f for f in (here, *here.parents) if _has_state(f)), None)


def _has_state(folder: Path) -> bool:
    try:
        return (folder / STATE_FOLDER / "state.json").exists()
    except PermissionError:
        # Another user's cluster, which this one may not use.
        return False


def is_http_url(text: str) -> bool:
    """Whether a text is the URL of something that speaks HTTP."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_in_clear(address: str) -> bool:
    """Whether others may read what goes to an address."""
    parts = urlsplit(address)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def _insisted(address: str, token: str, wish: str | None) -> str | None:
    """The token where it may be read on its way, if that is wanted."""
    if wish not in {"0", "1"}:
        raise UserError(
            f"the token would go to {address} in clear, and whoever reads it has a shell on the "
            "cluster. Name an https:// address, take a tunnel (ssh -L 8265:127.0.0.1:8265 "
            f"{urlsplit(address).hostname}), or set {IN_CLEAR} to 1, which sends it (a network "
            "that you trust), or to 0, which does not (a cluster that asks for none)."
        )
    return token if wish == "1" else None


def _checked(address: str, found: str) -> str:
    if not is_http_url(address):
        raise UserError(
            f"{found}: '{address}' is not the address of a Ray dashboard. Allowed: "
            "http://HOST:8265 (or https). Name one, or take --local."
        )
    parts = urlsplit(address.rstrip("/"))
    if parts.hostname == "localhost":
        # As `make cluster-up` calls it, which listens on no other.
        parts = parts._replace(netloc=parts.netloc.lower().replace("localhost", "127.0.0.1"))
    return parts.geturl()


def _token(environment: Mapping[str, str], checkout: Path | None) -> str | None:
    """By Ray's own rules, after the token of a cluster that `make cluster-up` started."""
    if checkout is not None:
        return _read_token(checkout / STATE_FOLDER / "token")
    if token := environment.get("RAY_AUTH_TOKEN"):
        return _checked_token(token, "RAY_AUTH_TOKEN")
    if path := environment.get("RAY_AUTH_TOKEN_PATH"):
        return _read_token(Path(expand_home(path)))
    default = Path(os.path.expanduser("~/.ray/auth_token"))  # noqa: PTH111 - there may be no home
    return _read_token(default) if os.path.lexists(default) else None


def _read_token(path: Path) -> str:
    try:
        return _checked_token(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UserError(
            f"cannot read the cluster's token {path}: {reason}. "
            "Set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH."
        ) from error


def _checked_token(text: str, place: str) -> str:
    """The token without the white space around it; what no header can hold is not shown."""
    token = text.strip()
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UserError(
            f"what {place} holds is not a token: it has spaces, several lines or characters beyond "
            "ASCII. Set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to the cluster's."
        )
    return token
