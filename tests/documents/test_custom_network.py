"""docs/custom-network.md: its network, its study file and its commands do what it says."""

import os
import re
import shlex
from pathlib import Path

import pytest

from mnistcmp.results.store import ResultsStore
from mnistcmp.study.file import read_study
from tests.support.commands import mnistcmp

pytestmark = pytest.mark.ray

DOCUMENT = (Path(__file__).parents[2] / "docs" / "custom-network.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, DOCUMENT, flags=re.MULTILINE | re.DOTALL)


def test_the_document_s_example_works(tmp_path: Path) -> None:
    """In an empty folder, its blocks in their order; the study file's runs are there by then."""
    (network,), (study,) = _blocks("python"), _blocks("toml")
    (tmp_path / "mynets.py").write_text(network, encoding="utf-8")
    (tmp_path / "study.toml").write_text(study, encoding="utf-8")
    unnamed = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "MNISTCMP_"))}
    printed = []
    for command in [line for block in _blocks("sh") for line in block.splitlines()]:
        program, *arguments = shlex.split(command)
        assert program == "mnistcmp"
        done = mnistcmp(tmp_path, unnamed, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), command
        printed.append(" ".join(done.stdout.split()))
    layers, first, second, compared = printed
    assert "digit.5" in layers
    # Name, n, numbers, then weight sharing, auxiliary loss and parameters.
    for text in (first, second):
        assert re.search(r"mynets:TwoDigits 3 [^:]+ – yes 6,668", text)
    assert re.search(r"mynets:without_digits 3 [^:]+ – no 786", second)
    assert "mynets:TwoDigits" in compared
    table1 = ResultsStore(tmp_path / "results" / "table1-epochs-2")
    assert table1.missing(read_study(tmp_path / "study.toml").runs()) == ()
