"""What a job is asked for, as JSON: written by the launching side, read by the job's driver."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mnistcmp.errors import UserError
from mnistcmp.study.file import build_study
from mnistcmp.study.study import Study


class JobRequest(BaseModel):
    """A launch on a cluster. People write it too: for Slurm, for a RayJob."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    study: dict[str, Any]
    """As a study file has it."""
    output: str | None = None
    """A URI, or a folder as the cluster's head names it; by default the study's name."""
    fresh: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    weights: Literal["best", "none"] = "none"

    def build_study(self) -> Study:
        """The study that is asked for.

        Raises:
            UserError: It is wrong.
        """
        return build_study(self.study)


def read_request(text: str) -> JobRequest:
    """The request in a JSON text.

    Raises:
        UserError: It is not JSON, or has other fields or values than a request.
    """
    try:
        return JobRequest.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in problem["loc"]) or "the whole"
        raise UserError(
            f"the job's request is wrong at {field}: {problem['msg']}. Allowed: JSON with 'study' "
            "as a study file has it, and optionally "
            f"{', '.join(name for name in JobRequest.model_fields if name != 'study')}."
        ) from error
