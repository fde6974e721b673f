"""Launches from Python programs."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mnistcmp
from mnistcmp.errors import UserError
from tests.support.commands import without_clusters
from tests.support.examples import blocks
from tests.support.servers import free_port

PROGRAM = '''
import json
import signal
import warnings

import ray
from helpers import Small


class Raises(nn.Module):
    """Raises once it is trained for good."""

    def __init__(self):
        super().__init__()
        self.layers, self.calls = nn.Sequential(nn.Flatten(), nn.Linear(392, 2)), 0

    def forward(self, pairs):
        self.calls += 1
        if self.calls == 12:
            raise ValueError("the twelfth call")
        return self.layers(pairs)


def said(call):
    """What a call is refused with."""
    try:
        call()
    except mnistcmp.UserError as error:
        return str(error)


recipe = {"epochs": 1, "train_pairs": 200, "test_pairs": 40, "batch_size": 10}
own = mnistcmp.Study(name="own", architectures=[Small, Raises], seeds=1, recipe=recipe)
told, nested = [], None
for event in mnistcmp.events(own, output="own", on="local"):
    told.append(event.kind)
    if event.kind == "started":
        nested = said(lambda: mnistcmp.launch("table1", on="local", progress=False))

with warnings.catch_warnings(record=True) as caught:
    again = mnistcmp.launch(own, output="own", on="local", progress=False)

found = {
    "told": told,
    "nested": nested,
    "runs": results.runs["architecture"].value_counts().to_dict(),
    "tables": {name: len(getattr(results, name)) for name in ("epochs", "predictions")},
    "own": mnistcmp.open("own").runs["architecture"].tolist(),
    "warnings": [str(warning.message) for warning in caught],
    "failures": again.failures["error"].tolist(),
    "missing": [run.architecture for run in again.missing],
    "connected": ray.is_initialized(),
    "sigterm": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
    "on a cluster": said(
        lambda: mnistcmp.launch("table1", on="http://127.0.0.1:1", output="s3://bucket/x")
    ),
}
with open("found.json", "w") as file:
    json.dump(found, file)
'''

HELPERS = '''
from torch import nn


class Small(nn.Module):
    """A module's, in the script's own folder."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(392, 2))

    def forward(self, pairs):
        return self.layers(pairs)
'''


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """A script of what the documents show, and more, in another folder than its own."""
    program = "\n\n".join([*blocks("docs/python.md", "python"), PROGRAM])
    folder = tmp_path_factory.mktemp("program")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "program.py").write_text(program, encoding="utf-8")
    (folder / "scripts" / "helpers.py").write_text(HELPERS, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "scripts/program.py"],
        cwd=folder,
        env=without_clusters(),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout, json.loads((folder / "found.json").read_text())


@pytest.mark.ray
def test_the_readme_s_example_trains_and_reports(done: tuple[str, dict[str, Any]]) -> None:
    """With progress, the report in words and the runs as pandas."""
    printed, found = done
    assert "[6/6] 100%" in printed
    assert "siamese-shared-aux is better than siamese-shared by" in " ".join(printed.split())
    assert found["runs"] == {"siamese-shared": 3, "siamese-shared-aux": 3}
    assert found["tables"] == {"epochs": 12, "predictions": 6000}


@pytest.mark.ray
def test_events_can_be_iterated_over(done: tuple[str, dict[str, Any]]) -> None:
    """From the first to the last; a network's module may be beside a script that is elsewhere."""
    told = done[1]["told"]
    assert (told[0], told[-1]) == ("started", "reported")
    assert set(told[1:-1]) == {"progress"}
    assert done[1]["own"] == ["helpers:Small"]
    assert "100% done, 6 of 6 runs" in done[0]


@pytest.mark.ray
def test_a_script_s_own_network_is_trained(done: tuple[str, dict[str, Any]]) -> None:
    """Without a module that other processes could import."""
    assert re.search(r"__main__:Linear +3 ", done[0])


@pytest.mark.ray
def test_a_launch_within_a_launch_is_refused(done: tuple[str, dict[str, Any]]) -> None:
    """A process has one Ray; the first launch goes on, and leaves nothing of it behind."""
    assert "this process has a Ray already" in done[1]["nested"]
    assert not done[1]["connected"]
    assert done[1]["sigterm"]


@pytest.mark.ray
def test_runs_that_fail_are_a_warning(done: tuple[str, dict[str, Any]]) -> None:
    """The others are kept, and the failures say why."""
    (line,) = done[1]["warnings"]
    assert line.startswith(
        "the run failed: ValueError: the twelfth call. 'failures' of the results"
    )
    assert done[1]["failures"] == ["ValueError: the twelfth call"]
    assert done[1]["missing"] == ["__main__:Raises"]


@pytest.mark.ray
def test_a_cluster_that_does_not_answer_is_one_line(done: tuple[str, dict[str, Any]]) -> None:
    """As on the command line."""
    assert "no cluster answers at http://127.0.0.1:1" in done[1]["on a cluster"]


def test_a_launch_that_is_asked_for_wrongly_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is trained or yielded, and nothing is written."""
    with pytest.raises(UserError, match="unknown study 'table2'; did you mean 'table1'"):
        mnistcmp.events("table2")
    with pytest.raises(UserError, match="unknown tool 'wandb'; allowed: mlflow, tensorboard"):
        next(mnistcmp.events("table1", on="local", track=["wandb"]))
    with pytest.raises(UserError, match="the number of workers is 0; it has to be 1 or more"):
        mnistcmp.launch("table1", on="local", workers=0)
    with pytest.raises(UserError, match="an object of type int is no study"):
        mnistcmp.launch(3, on="local")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="output is empty"):
        mnistcmp.launch("table1", output=" ", on="local")
    with pytest.raises(UserError, match="the study field 'name' is missing"):
        mnistcmp.Study(seeds=3)
    with pytest.raises(UserError, match="nowhere"):
        mnistcmp.launch("table1", on="local", notify="nowhere")
    monkeypatch.setenv("MNISTCMP_ADDRESS", "http://127.0.0.1:8265")
    with pytest.raises(UserError, match=r"^workers is for this machine.*take on='local' too"):
        mnistcmp.launch("table1", workers=2)
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("folder")
def test_an_error_names_arguments_where_the_command_line_has_options() -> None:
    """And of a cluster that is not there it is said that it is not, whatever folder it has."""
    address = f"http://127.0.0.1:{free_port()}"
    dead = f"no cluster answers at {address} (on)"
    for output in (None, "mine"):
        with pytest.raises(UserError) as refused:
            mnistcmp.launch("table1", on=address, output=output)
        assert dead in str(refused.value)
        assert "name another with on, or take on='local'." in str(refused.value)
    Path("file").touch()
    with pytest.raises(UserError, match=r"file is a file\. Choose another with output\."):
        mnistcmp.launch("table1", on="local", output="file", progress=False)
    with pytest.raises(UserError, match=r"Take device='cpu', or a machine|\bfile is a file"):
        mnistcmp.launch("table1", on="local", output="file", device="cuda", progress=False)
    with pytest.raises(UserError, match="Give more, or fewer epochs"):
        mnistcmp.events("table1", on="local", budget=0.01)


def test_the_package_names_what_programs_use() -> None:
    """Each name of the API is there, and found by completion."""
    names = {*mnistcmp.__all__, "open"}
    assert {name for name in names if callable(getattr(mnistcmp, name))} == names
    assert names <= set(dir(mnistcmp))
    with pytest.raises(AttributeError, match="has no attribute 'train'"):
        _ = mnistcmp.train
