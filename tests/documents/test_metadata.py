"""What installs, describes and checks the project says one thing."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mnistcmp import __version__

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PINS = (ROOT / "constraints.txt").read_text("utf-8").splitlines()


def _read(name: str) -> Any:  # noqa: ANN401 - YAML
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def _wanted() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in extra)]
    found = [Requirement(text) for text in texts]
    return [requirement for requirement in found if requirement.name != "mnistcmp"]


@pytest.mark.parametrize("wanted", _wanted(), ids=lambda requirement: requirement.name)
def test_every_need_is_pinned_within_its_range(wanted: Requirement) -> None:
    """`make constraints` writes constraints.txt from pyproject.toml, and they agree."""
    pins = [Requirement(line) for line in PINS if not line.startswith("#")]
    found = [p for p in pins if canonicalize_name(p.name) == canonicalize_name(wanted.name)]
    assert found
    for pin in found:
        (exact,) = pin.specifier
        assert wanted.specifier.contains(exact.version)


def test_constraints_are_pins_and_nothing_else() -> None:
    """No path, no address of an index, no package twice for one machine."""
    pins = [line for line in PINS if not line.startswith("#")]
    for line in pins:
        assert re.fullmatch(r"[a-z0-9-]+==[\w.+]+( ; .+)?", line), line
    assert pins == sorted(set(pins), key=lambda line: line.split("==")[0])
    assert "make constraints" in PINS[1]


def test_the_citation_is_of_this_version_and_licence() -> None:
    """As the package has them."""
    citation = _read("CITATION.cff")
    assert citation["version"] == __version__
    assert " AND ".join(citation["license"]) == PROJECT["license"]
    assert all((ROOT / name).is_file() for name in PROJECT["license-files"])


def test_checks_are_the_ones_that_people_run() -> None:
    """A pull request runs `.ci/run`, a commit `make lint`; both are there."""
    steps = _read(".github/workflows/pull-request.yml")["jobs"]["check"]["steps"]
    (run,) = [step["run"] for step in steps if "run" in step]
    assert (ROOT / run).stat().st_mode & 0o100
    (hook,) = _read(".pre-commit-config.yaml")["repos"][0]["hooks"]
    done = subprocess.run(
        [*hook["entry"].split(), "--dry-run"], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0
