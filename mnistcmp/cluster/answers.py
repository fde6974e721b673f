"""What a dashboard answers: of bounded length, in bounded time, checked field by field.

What answers at an address may be anything.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any, TypeVar

import requests
from pydantic import (
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    RootModel,
    ValidationError,
)

from mnistcmp.cluster.node import own_labels, required_labels
from mnistcmp.cluster.placement import Node
from mnistcmp.errors import cut

PATIENCE = 5
"""Seconds until an answer begins or goes on."""
SECONDS = 30.0
"""Until it is whole."""
LARGEST, LARGEST_LOG = 64 * 2**20, 256 * 2**20
"""Bytes of an answer; that of days on many workers is the longest log."""
CHUNK = 2**16

_T = TypeVar("_T")
_A = TypeVar("_A", bound=BaseModel)


class WrongAnswerError(Exception):
    """An answer is not one of a dashboard; the text says what it is."""


class Answer(BaseModel):
    """A dashboard's; what is not named here may be there too."""

    model_config = ConfigDict(frozen=True, strict=True)


Text = Annotated[str, Field(max_length=1000)]
Amount = Annotated[FiniteFloat, Field(ge=0, le=1e18)]
Milliseconds = Annotated[int, Field(ge=0, le=250_000_000_000_000)]
"""Since 1970; to some years before the last one that Python knows."""


class VersionAnswer(Answer):
    """At /api/version."""

    ray_version: Text


class NodeAnswer(Answer):
    """A node of a cluster."""

    state: Text
    node_name: Text = "of no name"
    resources_total: dict[str, Amount] | None = None
    labels: dict[str, str] | None = None

    @property
    def resources(self) -> Node:
        """What it has for tasks."""
        return Node.of(self.resources_total or {})

    @property
    def is_head(self) -> bool:
        """Whether Ray marks it as the head."""
        return "node:__internal_head__" in (self.resources_total or {})

    def other_software(self, ray_version: str) -> str | None:
        """What it has, in a cluster of that Ray, that this machine has in another version."""
        found = {"Ray": ray_version} | (self.labels or {})
        for name, here in ({"Ray": version("ray")} | own_labels()).items():
            if found.get(name) != here:
                other = found.get(name, "of an unknown version")
                return f"has {name} {other} on node {self.node_name}, and this machine {here}"
        return None


def for_tasks(nodes: Sequence[NodeAnswer]) -> list[NodeAnswer]:
    """Of a cluster's nodes those that get tasks of a driver on its head."""
    head = next((node.labels for node in nodes if node.is_head), None) or {}
    required = required_labels(head).items()
    return [node for node in nodes if required <= (node.labels or {}).items()]


class NodesAnswer(Answer):
    """At /api/v0/nodes."""

    nodes: list[NodeAnswer] = Field(validation_alias=AliasPath("data", "result", "result"))


class JobAnswer(Answer):
    """A job, one of ours or not."""

    submission_id: Text | None = None
    status: Text
    metadata: dict[str, Any] | None = None
    start_time: Milliseconds | None = None
    end_time: Milliseconds | None = None
    message: str | None = None


JobsAnswer = RootModel[list[JobAnswer]]
"""At /api/jobs/."""


class LogAnswer(Answer):
    """At /api/jobs/JOB/logs."""

    logs: str | None


def moment(milliseconds: int | None) -> datetime | None:
    """A moment that an answer names; none where it is 0."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


def fetch(session: requests.Session, method: str, url: str, *, largest: int) -> tuple[int, bytes]:
    """An answer's status and content.

    Raises:
        requests.RequestException: None came, or not whole in time.
        WrongAnswerError: It is too long.
    """

    def ask() -> tuple[int, bytes]:
        content = bytearray()
        with session.request(method, url, timeout=PATIENCE, stream=True) as answer:
            for part in answer.iter_content(CHUNK):
                content += part
                if len(content) > largest:
                    raise WrongAnswerError(f"more than {largest >> 20} MiB")
            return answer.status_code, bytes(content)

    try:
        return within(SECONDS, ask)
    except TimeoutError as error:
        raise requests.RequestException(f"no whole answer within {SECONDS:.0f} s") from error


def read(kind: type[_A], content: bytes) -> _A:
    """An answer of a kind.

    Raises:
        WrongAnswerError: It is not one.
    """
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        if problem["type"] == "json_invalid":
            raise WrongAnswerError("no JSON") from error
        place = ".".join(map(str, problem["loc"]))
        found = cut(f"{place}: {problem['msg']}" if place else problem["msg"])
        raise WrongAnswerError(f"JSON of another kind, {found}") from error


def within(seconds: float, call: Callable[[], _T]) -> _T:
    """What a call gives; one that takes longer is left behind.

    Raises:
        TimeoutError: It took longer.
    """
    outcome: Future[_T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome.result(seconds)
