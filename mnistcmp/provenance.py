"""Where a result came from: machine, versions, revision of the code."""

import os
import platform
import re
import socket
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mnistcmp import __version__

REVISION_VARIABLE = "MNISTCMP_REVISION"
"""Set in the image, which has no git."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """What a process runs on."""

    host: str
    processor: str
    """Of one kind, results agree bit for bit; another kind rounds otherwise."""
    python: str
    torch: str
    ray: str | None
    mnistcmp: str
    git_revision: str | None
    """Commit of the checkout that the code runs from, `-dirty` behind it where files differ."""


@cache
def environment() -> Environment:
    """This process's environment."""
    return Environment(
        host=socket.gethostname(),
        processor=_processor(),
        python=platform.python_version(),
        torch=version("torch"),
        ray=_version_or_none("ray"),
        mnistcmp=__version__,
        git_revision=_git_revision(Path(__file__).parent),
    )


def _processor() -> str:
    """Its name, with what tells two kinds of one name apart: `AMD EPYC, family 25, model 1`."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    known = dict(re.findall(r"^(model name|cpu family|model)\t*: (.*)$", text, re.MULTILINE))
    if len(known) < 3:  # noqa: PLR2004 - not Linux, or not of Intel's kind
        return platform.processor() or platform.machine()
    return f"{known['model name']}, family {known['cpu family']}, model {known['model']}"


def _version_or_none(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_revision(folder: Path) -> str | None:
    """The checkout's, else the image's; None where the code comes from neither."""
    if built_in := os.environ.get(REVISION_VARIABLE):
        return built_in
    tracked = _git(folder, "ls-files", "--error-unmatch", "__init__.py")
    revision = _git(folder, "rev-parse", "HEAD") if tracked else None
    if not revision:
        return None
    return f"{revision}-dirty" if _git(folder, "status", "--porcelain", ".") else revision


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        command = ["git", "-C", str(folder), *arguments]
        answer = subprocess.run(  # noqa: S603 - git itself, with the arguments above
            command, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
