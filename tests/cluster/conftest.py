"""Custom networks that are launched here and on a cluster."""

from pathlib import Path

import pytest

from tests.support.custom_networks import RIGHT

STUDY = """\
name = "mine"
architectures = ["{}", "baseline"]
seeds = "0-1"
[recipe]
epochs = 1
train_pairs = 100
test_pairs = 40
"""


@pytest.fixture
def nets(custom_folder: Path) -> Path:
    """A package `package`, and the file `single.py` that imports one beside it; study files."""
    package = custom_folder / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "nets.py").write_text("from package.parts import Digits\nMine = Digits\n")
    (package / "parts.py").write_text(RIGHT)
    (custom_folder / "single.py").write_text("from beside import plain\nmine = plain\n")
    (custom_folder / "beside.py").write_text(RIGHT)
    (custom_folder / "Mine.toml").write_text(STUDY.format("package.nets:Mine"))
    (custom_folder / "both.toml").write_text(STUDY.format('package.nets:Mine", "single:mine'))
    return custom_folder
