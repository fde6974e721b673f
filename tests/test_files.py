"""Files that are there whole or not at all, also after a power cut."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mnistcmp.errors import UserError
from mnistcmp.files import whole_file
from mnistcmp.results.location import Location


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was forced to the disk and what was renamed, by name, in order."""
    done: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def syncing(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        done.append(f"sync {name.split('.')[1] if name.startswith('.') else name}")
        fsync(descriptor)

    def renaming(self: Path, target: Path) -> Path:
        done.append(f"rename to {target.name}")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "replace", renaming)
    return done


def _whole_file(folder: Path) -> None:
    with whole_file(folder / "page", "the page") as file:
        file.write_text("x")


def _whole_folder(folder: Path) -> None:
    with whole_file(folder / "run", "the run") as whole:
        (whole / "in").mkdir(parents=True)
        (whole / "in" / "event").write_text("x")


def _result(folder: Path) -> None:
    Location(folder).write("", "result", b"x")


def _set_aside(folder: Path) -> None:
    _result(folder)
    Location(folder).move("", "result", "damaged")


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (_whole_file, ["sync page", "rename to page", "sync x"]),
        (_whole_folder, ["sync run", "sync in", "sync event", "rename to run", "sync x"]),
        (_result, ["sync result", "rename to result", "sync x"]),
        (_set_aside, [
            "sync result", "rename to result", "sync x",
            "sync x", "rename to result", "sync damaged",
        ]),
        (lambda folder: Location(folder).make_folders(("a/b",)), ["sync a", "sync x"]),
    ],
)  # fmt: skip
def test_what_is_written_outlasts_a_power_cut(
    write: Callable[[Path], object], expected: list[str], done: list[str], tmp_path: Path
) -> None:
    """The content is on the disk before it has its name, and then the folder that has the name."""
    folder = tmp_path / "x"
    folder.mkdir()
    write(folder)
    assert done == expected


def test_a_disk_that_fails_at_the_last_moment_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old content, no temporary file, and one line."""
    page = tmp_path / "page"
    page.write_text("old")

    def full(_: int) -> None:
        raise OSError(errno.EDQUOT, "")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"cannot write the page .*/page: Disk quota exceeded\."):
        _whole_file(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["page"]
    assert page.read_text() == "old"
