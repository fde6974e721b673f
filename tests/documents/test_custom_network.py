"""docs/custom-network.md: its network, its study file and its commands do what it says."""

import re
from pathlib import Path

import pytest

from mnistcmp.data.mnist import Mnist
from tests.support.commands import mnistcmp, mnistcmp_in_turn, without_clusters
from tests.support.examples import blocks
from tests.support.stored import losses, losses_here

pytestmark = pytest.mark.ray


def _blocks(language: str) -> list[str]:
    return blocks("docs/custom-network.md", language)


def test_the_document_s_example_works(custom_folder: Path, tmp_path: Path, mnist: Mnist) -> None:
    """In an empty folder, its blocks in their order; the study file's runs are there by then.

    They are those of a training in this process. A network that has changed is refused there.
    """
    (network,), (study,) = _blocks("python"), _blocks("toml")
    (custom_folder / "mynets.py").write_text(network, encoding="utf-8")
    (custom_folder / "study.toml").write_text(study, encoding="utf-8")
    unnamed = without_clusters()
    typed = [line.split(maxsplit=1) for block in _blocks("sh") for line in block.splitlines()]
    assert {program for program, _ in typed} == {"mnistcmp"}
    commands = [arguments for _, arguments in typed]
    done = mnistcmp_in_turn(custom_folder, unnamed, commands, tmp_path)
    assert [(each.returncode, each.stderr) for each in done.values()] == [(0, b"")] * 4
    layers, first, second, compared = (
        " ".join(each.stdout.decode().split()) for each in done.values()
    )
    assert "digit.5" in layers
    # Name, n, numbers, then weight sharing, auxiliary loss and parameters.
    for text in (first, second):
        assert re.search(r"mynets:TwoDigits 3 [^:]+ – yes 6,668", text)
    assert re.search(r"mynets:without_digits 3 [^:]+ – no 786", second)
    assert "Compared with siamese-shared-aux, seed by seed" in second
    assert "mynets:TwoDigits" in compared
    results = custom_folder / "results" / "table1-epochs-2"
    assert losses_here(custom_folder / "study.toml", mnist).items() <= losses(results).items()
    changed = network.replace("Dropout(0.3)", "Dropout(0.1)")
    assert changed != network
    (custom_folder / "mynets.py").write_text(changed, encoding="utf-8")
    again = "launch -a mynets:TwoDigits --epochs 2 --seeds 3"
    refused = mnistcmp(custom_folder, unnamed, *again.split())
    assert refused.returncode == 2
    assert "was launched with another source of mynets:TwoDigits" in refused.stderr
    assert "Train it in a new folder with --fresh or another --output" in refused.stderr
