"""What can be asked of a Ray, here or on a cluster, and the JSON that asks a cluster for it."""

import json
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from mnistcmp.cluster.events import Event
from mnistcmp.errors import UserError, cut, unknown_name
from mnistcmp.study.file import build_study
from mnistcmp.study.study import Study

if TYPE_CHECKING:
    from mnistcmp.cluster.places import RayPlace


def _read_study(content: Any) -> Any:  # noqa: ANN401 - whatever a request holds
    return build_study(content) if isinstance(content, dict) else content


StudyOfFile = Annotated[
    Study, BeforeValidator(_read_study), PlainSerializer(lambda study: study.to_toml_dict())
]
"""In JSON, as a study file has it."""


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Work(BaseModel, ABC):
    """What is to be done where Ray is, and where its results go; its only other form is JSON.

    Each form of it has a `kind`, its name in JSON, and says in `drive` what is done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: str
    study: StudyOfFile
    """What is trained, or what a search starts from."""
    output: str | None = None
    """A folder or a URI, as it is asked for; by default a folder of the work's name."""
    fresh: bool = False
    """Whether it goes into a new folder beside an old one."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    budget: Seconds | None = None
    """Seconds after which nothing more begins; what is in training ends."""

    @property
    def name(self) -> str:
        """Names the output where none is asked for, and a cluster's job."""
        return self.study.name

    @abstractmethod
    def drive(self, place: "RayPlace", output: str) -> Generator[Event, None, None]:
        """Does the work where Ray is, storing into `output`, and tells what happens.

        Raises:
            UserError: The output, the data or the device cannot be used. What was stored is kept.
        """

    def to_json(self) -> str:
        """The request for it; `read_work` reads it back."""
        return self.model_dump_json()


def read_work(text: str, kinds: Mapping[str, str]) -> Work:
    """The work that a request asks for; people write requests too, for Slurm and Kubernetes.

    Args:
        text: JSON. Its `kind` is the first of `kinds` where it names none.
        kinds: Each kind of work, and its class as `MODULE:CLASS`, which only then is imported.

    Raises:
        UserError: It is no such request, or has other fields or values than such work.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"the whole: Invalid JSON: {error}", ("study",)) from error
    first = next(iter(kinds))
    kind = content.get("kind", first) if isinstance(content, dict) else first
    if not isinstance(kind, str) or kind not in kinds:
        raise unknown_name("kind of job", cut(str(kind)), kinds)
    found: type[Work] = resolve_name(kinds[kind])
    try:
        return found.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"]) or "the whole"
        raise _wrong(f"{place}: {problem['msg']}", found.model_fields) from error


def _wrong(problem: str, fields: Mapping[str, Any] | tuple[str, ...]) -> UserError:
    optional = ", ".join(name for name in fields if name != "study")
    return UserError(
        f"the job's request is wrong at {problem}. Allowed: JSON with 'study' as a study file has "
        f"it{f', and optionally {optional}' if optional else ''}."
    )
