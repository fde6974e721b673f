"""Own networks as names and sources; nothing is imported."""

import os
import shutil
import sys
from pathlib import Path

import pytest
import rich

from mnistcmp.cluster.custom import shipped
from mnistcmp.cluster.placement import Pool
from mnistcmp.cluster.stacks import plan_stacks
from mnistcmp.errors import UserError
from mnistcmp.networks.architectures import architecture
from mnistcmp.networks.source import find_source
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.combine import combine
from mnistcmp.study.file import format_study, parse_study
from mnistcmp.study.named import TABLE1
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.sources import record_sources, verify_source
from mnistcmp.study.study import Study
from mnistcmp.training.planning import estimated_seconds

NAME = "nowhere.nets:Net"
DIGEST = "0123456789abcdef"


@pytest.fixture
def package(custom_folder: Path) -> Path:
    """A package `own` that imports the file `beside.py`, and more that is no part of it."""
    package = custom_folder / "own"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "nets.py").write_text("import json, torch\nfrom beside import x\nfrom . import y\n")
    (package / "weights.bin").write_bytes(b"\0")
    (custom_folder / "beside.py").write_text("import own")
    (custom_folder / "other.py").write_text("import own")
    return package


def test_an_own_architecture_needs_no_module() -> None:
    """Plans, study files and reports work where it cannot be imported."""
    study = Study(name="x", architectures=("baseline", NAME), sources={NAME: DIGEST})
    assert parse_study(format_study(study), source="text") == study
    assert [condition.name for condition in study.conditions] == ["baseline", NAME]
    assert architecture(NAME).custom
    assert architecture(NAME).published is None
    built_in = study.model_copy(update={"architectures": ("baseline",)})
    assert estimated_seconds(study) > 2 * estimated_seconds(built_in)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "mypackage/nets.py:Net",
            "does not name a network of your own; write 'mypackage.nets:Net'",
        ),
        ("nets.py:Net", "write 'nets:Net'"),
        ("./nets.py:Net", "write 'nets:Net'"),
        ("sub\\nets.py:Net", "write 'sub.nets:Net'"),
        ("../other/nets.py:Net", "go to the folder ../other, and write 'nets:Net'"),
        ("/home/me/nets.py:Net", "go to the folder /home/me, and write 'nets:Net'"),
        ("nets::Net", "write 'nets:Net'"),
        ("nets:Net()", "write 'nets:Net'"),
        ("my-nets.py:Net", "the form is PACKAGE.MODULE:NAME"),
        ("statistics:Net", "is in a module of Python's own"),
        ("nets:", "does not name a network of your own"),
        (":Net", "does not name a network of your own"),
        ("nets:Net.small", "does not name a network of your own"),
        ("mnistcmp.networks:Siamese", "is inside this package"),
        ("nets:Baseline", "named like the built-in baseline"),
        ("nets:siamese_shared", "named like the built-in siamese-shared"),
        ("nets.Net", "unknown architecture 'nets.Net'.* PACKAGE.MODULE:NAME for your own"),
    ],
)
def test_a_name_of_another_form_is_refused(name: str, message: str) -> None:
    """Before anything is imported."""
    with pytest.raises(UserError, match=message):
        architecture(name)


def test_launches_of_own_networks_do_not_change_the_study_s_order() -> None:
    """Table I's rows stand first, whatever was launched first."""
    own = Study(name="table1", architectures=(NAME,), seeds=(3,), sources={NAME: DIGEST})
    for launches in ([TABLE1, own], [own, TABLE1]):
        combined = combine(launches, place="here")
        assert [c.architecture for c in combined.conditions] == [*TABLE1.architectures, NAME]
        reference = combined.reference_of(combined.conditions[-1])
        assert reference is not None
        assert reference.name == "baseline"


def test_a_changed_source_does_not_go_into_the_same_folder() -> None:
    """Its runs would be taken for those of the source that it was."""
    first = Study(name="x", architectures=(NAME,), sources={NAME: DIGEST})
    changed = first.model_copy(update={"sources": {NAME: DIGEST[::-1]}})
    assert combine([first, first], place="here").study == "x"
    with pytest.raises(UserError, match=r"here was launched with another source of .*--fresh or"):
        combine([first, changed], place="here")


def test_each_run_of_an_own_network_is_a_stack_of_its_own() -> None:
    """They are trained one after the other, and stored as soon as each is done."""
    runs = Study(name="x", architectures=("baseline", NAME)).runs()
    stacks = plan_stacks(runs, [Pool(gpu=False, slots=2, device="cpu")])
    assert {len(stack) for stack in stacks if stack[0].architecture == NAME} == {1}
    assert sorted(run.run_id for s in stacks for run in s) == sorted(run.run_id for run in runs)


def test_a_source_is_the_package_and_what_it_imports_beside_it(package: Path) -> None:
    """Not what is installed, what Python made of it, nor what merely stands beside it."""
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "nets.pyc").touch()
    (package / ".git").mkdir()
    (package / ".git" / "config").touch()
    source = find_source("own.nets:Net")
    assert sorted(source.files) == [
        "beside.py",
        "own/__init__.py",
        "own/nets.py",
        "own/weights.bin",
    ]
    assert not source.installed
    (package / "__init__.py").unlink()
    assert sorted(find_source("own.nets:Net").files) == sorted(
        source.files.keys() - {"own/__init__.py"}
    )
    assert find_source("rich.table:Table").installed


@pytest.mark.parametrize("file", ["own/nets.py", "own/weights.bin", "beside.py"])
def test_a_changed_file_changes_the_digest(package: Path, file: str) -> None:
    """Any of the source's, and no other; the study that noted the old one is not held to."""
    study = record_sources(Study(name="x", architectures=("baseline", "own.nets:Net")))
    digest = find_source("own.nets:Net").digest
    assert study.sources == {"own.nets:Net": digest}
    (package.parent / "other.py").write_text("changed")
    assert record_sources(study) == study
    (package.parent / file).write_text("changed = 1")
    with pytest.raises(UserError, match=f"is not that of the study .{digest}.: it was changed"):
        record_sources(study)


def test_a_process_is_held_to_what_it_saw_first(package: Path) -> None:
    """What it has imported stays what it is when the files change under it."""
    digest = find_source("own.nets:Net").digest
    verify_source("own.nets:Net", digest)
    (package / "nets.py").write_text("changed = 1")
    verify_source("own.nets:Net", digest)
    with pytest.raises(UserError, match="or this is another copy"):
        verify_source("own.nets:Net", find_source("own.nets:Net").digest)


def test_a_linked_folder_belongs_to_the_package(package: Path, tmp_path: Path) -> None:
    """As Python imports it; a link to a folder above it has an end."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "parts.py").write_text("width = 1")
    (elsewhere / "deep" / "table.csv").write_text("1")
    (package / "linked").symlink_to(elsewhere)
    (package / "sub").mkdir()
    (package / "sub" / "round").symlink_to(package)
    (package / "gone").symlink_to(tmp_path / "nowhere")
    source = find_source("own.nets:Net")
    assert {"own/linked/parts.py", "own/linked/deep/table.csv"} < set(source.files)
    assert len(source.files) == 6
    digest = source.digest
    (elsewhere / "parts.py").write_text("width = 2")
    assert find_source("own.nets:Net").digest != digest
    with shipped(Study(name="x", architectures=("own.nets:Net",))) as folder:
        copy = Path(folder or "")
        assert (copy / "own" / "linked" / "parts.py").read_text() == "width = 2"


def test_a_module_without_source_belongs_to_the_package(package: Path) -> None:
    """Python imports `secret.pyc` where there is no `secret.py`."""
    for name in ("secret.pyc", "nets.pyc"):
        (package / name).touch()
    files = find_source("own.nets:Net").files
    assert [name for name in files if name.endswith("pyc")] == ["own/secret.pyc"]


def test_results_inside_the_package_are_no_source(package: Path, store: ResultsStore) -> None:
    """Else each launch into it would change what it trains; nor are those in its own folder."""
    digest = find_source("own.nets:Net").digest
    for place in ("results", "."):
        shutil.copytree(store.location.name, package / place, dirs_exist_ok=True)
        (package / place / "report.html").touch()
        assert find_source("own.nets:Net").digest == digest
    (package / "results.txt").touch()
    assert find_source("own.nets:Net").digest != digest


@pytest.mark.parametrize(("method", "name"), [("read_bytes", "weights.bin"), ("iterdir", "sub")])
def test_what_cannot_be_read_is_named(
    package: Path, monkeypatch: pytest.MonkeyPatch, method: str, name: str
) -> None:
    """A file or a folder, in one line."""
    (package / "sub").mkdir()
    reading = getattr(Path, method)

    def refuse(path: Path) -> object:
        if path.name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return reading(path)

    monkeypatch.setattr(Path, method, refuse)
    with pytest.raises(UserError, match=f"cannot read .*own/{name}, a part of the network"):
        record_sources(Study(name="x", architectures=("own.nets:Net",)))


def test_a_file_s_name_may_be_no_text(package: Path) -> None:
    """It counts as any other, and is shipped."""
    digest = find_source("own.nets:Net").digest
    name = os.fsdecode(b"caf\xe9.txt")
    (package / name).touch()
    assert find_source("own.nets:Net").digest != digest
    with shipped(Study(name="x", architectures=("own.nets:Net",))) as folder:
        assert (Path(folder or "") / "own" / name).exists()


@pytest.mark.parametrize("file", ["rich.py", "rich/__init__.py"])
def test_a_file_named_like_an_installed_package_shadows_nothing(
    custom_folder: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """One line says which would shadow what, where it is asked for and where it is imported."""
    monkeypatch.setattr(sys, "path", [*sys.path[1:]])
    path = custom_folder / file
    path.parent.mkdir(exist_ok=True)
    path.touch()
    (custom_folder / "nets.py").write_text("import rich\n")
    for name in ("rich:Net", "nets:Net"):
        with pytest.raises(UserError, match=r"working/rich.* would shadow .*site-packages/rich/"):
            find_source(name)
        assert rich.__file__ == sys.modules["rich"].__file__
    path.unlink()
    assert list(find_source("nets:Net").files) == ["nets.py"]


def test_files_named_like_python_s_own_modules_are_not_imported(
    custom_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for the network that stands beside them, nor are they a part of it."""
    monkeypatch.setattr(sys, "path", [*sys.path[1:]])
    for name in ("statistics", "colorsys", "types"):
        (custom_folder / f"{name}.py").write_text("raise SystemExit('shadowed')")
    (custom_folder / "nets.py").write_text(
        "import colorsys, types\nfrom statistics import median\n"
        "from torch import nn\ndef net(): return nn.Linear(2, 2)\n"
    )
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    architecture("nets:net").build(Recipe().network)
    assert list(find_source("nets:net").files) == ["nets.py"]


def test_a_module_that_is_not_there_is_named(custom_folder: Path) -> None:
    """And where it was looked for."""
    with pytest.raises(UserError, match=r"there is no module 'nowhere\.nets' in this folder"):
        find_source(NAME)
    assert list(custom_folder.iterdir()) == []


def test_a_shipment_has_the_same_source(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the files alone, which are gone when they are handed over."""
    study = Study(name="x", architectures=("baseline", "own.nets:Net"))
    digest = find_source("own.nets:Net").digest
    with shipped(study) as folder:
        copy = Path(folder or "")
        assert not (copy / "other.py").exists()
        monkeypatch.chdir(copy)
        monkeypatch.syspath_prepend(copy)
        assert find_source("own.nets:Net").files["beside.py"] == copy / "beside.py"
        assert find_source("own.nets:Net").digest == digest
        monkeypatch.chdir(package)
    assert not copy.exists()
    with shipped(Study(name="x")) as folder:
        assert folder is None


def test_a_source_that_is_too_large_for_a_cluster_is_refused(package: Path) -> None:
    """With its size, and what to do."""
    with (package / "data.bin").open("wb") as file:
        file.truncate(101 * 2**20)
    study = Study(name="x", architectures=("own.nets:Net",))
    message = "own.nets:Net has 101 MiB, and a cluster takes 100 MiB"
    with pytest.raises(UserError, match=message), shipped(study):
        pass
