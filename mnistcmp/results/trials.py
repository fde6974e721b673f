"""What became of each point of a search: a JSON file of each, in the folder `trials`."""

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from mnistcmp.errors import UserError
from mnistcmp.study.recipe import Recipe

FOLDER = "trials"
SUFFIX = ".json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A point of a search, and how far it came."""

    name: str
    """As the study files in `launches` name its recipe."""
    recipe: Recipe
    state: Literal["finished", "stopped", "failed"]
    """`stopped`: it fell behind and was not trained to its end, so it has no runs."""
    reports: tuple[tuple[int, float], ...]
    """Epochs trained and score, 0 to 1, now and then and at the end. The score is the mean over
    architectures and seeds of the best validation accuracy so far."""

    @property
    def epochs(self) -> int:
        """It was trained for."""
        return self.reports[-1][0] if self.reports else 0

    @property
    def score(self) -> float:
        """The last one, 0 to 1."""
        return self.reports[-1][1] if self.reports else 0.0


_TRIAL = TypeAdapter(Trial)


def encode_trial(trial: Trial) -> bytes:
    """The file's content."""
    return _TRIAL.dump_json(trial, indent=1)


def decode_trial(content: bytes, path: str) -> Trial:
    """The trial in a file; `path` names it in errors.

    Raises:
        UserError: It is not one.
    """
    try:
        return _TRIAL.validate_json(content)
    except ValidationError as error:
        raise UserError(
            f"{path} is not a point of a search that this mnistcmp can read. Move it away; a "
            "search into this folder trains the point again."
        ) from error
