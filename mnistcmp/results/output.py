"""Where the results of a study are, by the name that each side has for the place."""

import os
from dataclasses import dataclass
from pathlib import Path

from mnistcmp.errors import UserError
from mnistcmp.results.location import Location, is_uri

RESULTS = "results"
"""The folder that has one for each study where no output is asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedFolder:
    """A cluster's results folder that this machine sees too."""

    here: Path
    """This machine's name of it."""
    there: str
    """The cluster's."""

    def name_there(self, folder: str) -> str:
        """What the cluster calls a folder in this one that is named here, below its own.

        Raises:
            UserError: It is not in this one, so the cluster does not see it.
        """
        path = Path(os.path.normpath(Path(folder).absolute()))
        if not path.is_relative_to(self.here) or path == self.here:
            raise UserError(
                f"the cluster does not see the folder {folder}. Allowed: a folder in "
                f"{self.here}, or a URI of an object store; or take --local."
            )
        return str(path.relative_to(self.here))

    def name_here(self, folder: str) -> str | None:
        """What this machine calls a folder that the cluster names; None where it does not see it.

        Below the working folder, the name is relative to it.
        """
        if not Path(folder).is_relative_to(self.there):
            return None
        path, working = self.here / Path(folder).relative_to(self.there), Path.cwd()
        return str(path.relative_to(working) if path.is_relative_to(working) else path)


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """A place for results: a folder, or a URI of an object store."""

    here: str | None
    """This machine's name of it; None where it does not see it."""
    there: str
    """The name that whoever trains has for it."""

    @staticmethod
    def local(asked: str | None, name: str) -> "Output":
        """The output of what is trained on this machine, by default named as the study."""
        place = _asked_or(asked, str(Path(RESULTS) / name))
        return Output(here=place, there=place)

    @staticmethod
    def submitted(asked: str | None, name: str, shared: SharedFolder | None) -> "Output":
        """The output of what is submitted to a cluster; `shared` is what both see, if any.

        Raises:
            UserError: The cluster does not see the folder that is asked for.
        """
        there = _asked_or(asked, name)
        if is_uri(there):
            return Output(here=there, there=there)
        if shared is None:
            return Output(here=None, there=there)
        there = shared.name_there(asked) if asked else name
        return Output(here=shared.name_here(f"{shared.there}/{there}"), there=there)

    @staticmethod
    def joined(asked: str | None, name: str, folder: str | None) -> "Output":
        """The output of a job on its cluster, whose results folder is `folder`, if it has one.

        Raises:
            UserError: The output is relative, and there is no folder that it is below.
        """
        place = _asked_or(asked, name)
        if not is_uri(place) and not Path(place).is_absolute():
            if folder is None:
                raise UserError(
                    f"the cluster has no results folder for '{place}'. Take --output with a URI, "
                    "or with an absolute path that the cluster's head can write."
                )
            place = str(Path(folder) / place)
        return Output(here=place, there=place)

    def fresh(self) -> "Output":
        """This one if nothing is there, else the first free one of OUTPUT-2, OUTPUT-3, ..."""
        if self.here is None:
            return self
        number, ending = 1, ""
        while Location(self.here.rstrip("/") + ending).exists():
            number += 1
            ending = f"-{number}"
        here, there = self.here.rstrip("/"), self.there.rstrip("/")
        return Output(here=here + ending, there=there + ending)


def _asked_or(asked: str | None, default: str) -> str:
    if asked is None:
        return default
    if not asked.strip():
        raise UserError("--output is empty. Name a folder or s3://BUCKET/PREFIX, or leave it out.")
    return asked
