"""What launches would do, and the studies that have a name, as the command line says them."""

import json
import re
import shutil
from pathlib import Path

import pytest

from mnistcmp.cluster.address import ClusterState
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.file import format_study
from tests.support.commands import run_command

SEVERAL = """
name = "several"
architectures = ["baseline", "siamese-shared"]
reference = "baseline, fast"
[recipes]
fast.learning_rate = 0.01
slow.learning_rate = 0.001
"""
"""A study of two recipes."""


def test_dry_run_shows_the_plan_of_table1_and_writes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--all is five architectures with ten seeds under the default recipe."""
    assert run_command(monkeypatch, "launch", "--all", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "50 runs to train" in printed
    assert "results/table1" in printed
    assert printed.count("0-9") == 5
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ("launch", "results/table1"),
        ("launch --seeds 3 -a baseline", "results/table1"),
        ("launch --recipe reference-code", "results/table1-reference-code"),
        ("launch -a baseline --recipe plain", "results/table1-plain"),
        ("launch --epochs 2", "results/table1-epochs-2"),
        ("launch --output elsewhere --epochs 2", "elsewhere"),
        ("launch mine.toml", "results/mine"),
        ("launch mine.toml --epochs 4", "results/mine-epochs-4"),
        ("launch several.toml", "results/several"),
        ("launch several.toml -a siamese-shared", "results/several"),
        ("launch several.toml --epochs 4", "results/several-epochs-4"),
        ("launch several.toml --recipe report-text", "results/several-report-text"),
    ],
)
def test_each_recipe_has_a_results_folder_of_its_own(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    where: str,
) -> None:
    """The same recipe adds to a folder, another gets another."""
    (folder / "mine.toml").write_text('name = "mine"\n[recipe]\nepochs = 3\n')
    (folder / "several.toml").write_text(SEVERAL)
    assert run_command(monkeypatch, *arguments.split(), "--dry-run") == 0
    assert f"Results folder: {where}." in capsys.readouterr().out


def test_dry_run_of_several_recipes_lists_each_condition(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name, with what is left of each, and what each recipe's name stands for."""
    (folder / "several.toml").write_text(SEVERAL)
    assert run_command(monkeypatch, "launch", "several.toml", "--dry-run", "--seeds", "3") == 0
    printed = capsys.readouterr().out
    assert re.search(r"siamese-shared, fast +0-2 +0 +3", printed)
    assert "12 runs to train" in printed
    assert (
        "Recipe slow: epochs 150, rounds 1, shuffle True, batch_size 32, learning_rate 0.001"
        in printed
    )


def test_dry_run_looks_where_the_cluster_s_results_appear(
    store: ResultsStore,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is there already is counted; what cannot be seen from here is said."""
    results = folder / "results"
    shutil.copytree(store.location.name, results / "small")
    (folder / "small.toml").write_text(format_study(store.launches()[0]))
    (folder / ".cluster").mkdir()
    (folder / ".cluster" / "token").write_text("token")
    ClusterState(
        address="http://127.0.0.1:9",
        kind="containers",
        results=str(results),
        results_there="/results",
        workers=1,
        worker_cpus=1,
    ).write(folder)
    assert run_command(monkeypatch, "launch", "small.toml", "--dry-run") == 0
    assert "Results folder: results/small. 0 runs to train." in capsys.readouterr().out
    arguments = ("small.toml", "--dry-run", "--address", "https://elsewhere:8265")
    assert run_command(monkeypatch, "launch", *arguments) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "not seen from here. 4 runs to train" in printed


def test_a_long_recipe_gets_a_short_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that a folder can have, and that a study file can say."""
    fields = "batch_size = 16\nlearning_rate = 0.00125\ntrain_pairs = 500\ntest_pairs = 400\n"
    (folder / "x.toml").write_text(f'name = "{"x" * 40}"\n[recipe]\n{fields}')
    assert run_command(monkeypatch, "launch", "x.toml", "--epochs", "3", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert re.search(rf"Results folder: results/{'x' * 40}-[0-9a-f]{{12}}\.", printed)


def test_fresh_starts_beside_the_old_folder(
    store: ResultsStore,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing of the old folder is counted, changed or deleted."""
    before = sorted(Path(store.location.name).rglob("*"))
    output = store.location.name
    assert run_command(monkeypatch, "launch", "--fresh", "--dry-run", "--output", output) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "50 runs to train" in printed
    assert sorted(Path(store.location.name).rglob("*")) == before
    assert list(folder.iterdir()) == []


def test_studies_lists_each_with_its_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Name, conditions, seeds, runs and time in a table; a study's conditions on request."""
    assert run_command(monkeypatch, "studies") == 0
    printed = capsys.readouterr().out
    assert re.search(r"softmax +25 +10 +250 +[0-9.]+ (min|h) +Where should", printed)
    assert run_command(monkeypatch, "studies", "regularisation") == 0
    assert re.search(r"batch norm +baseline +branch-dropout-0.0-0.0", capsys.readouterr().out)


def test_studies_as_json_have_their_conditions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With whole recipes; Table I's estimate is what its 50 runs took here."""
    assert run_command(monkeypatch, "studies", "--json") == 0
    studies = {study["name"]: study for study in json.loads(capsys.readouterr().out)}
    assert [c["recipe"]["activation"] for c in studies["activation"]["conditions"][:2]] == [
        "relu", "tanh",
    ]  # fmt: skip
    assert studies["table1"]["runs"] == 50
    assert 300 < studies["table1"]["estimated_processor_seconds"] < 600


def test_several_studies_are_launched_one_after_the_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order given, each into a folder of its own below the output."""
    arguments = "launch --study softmax --study table1 --output all --dry-run"
    assert run_command(monkeypatch, *arguments.split()) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert re.findall(r"Results folder: (\S+)\. ", printed) == ["all/softmax", "all/table1"]
    assert list(folder.iterdir()) == []
