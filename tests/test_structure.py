"""The package's own rules about who imports whom."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mnistcmp"
LONGEST_FILE, LONGEST_FUNCTION = 300, 50
"""Lines."""

LAYERS = {
    "errors": 0,
    "provenance": 0,
    "seeding": 0,
    "files": 1,
    "statistics": 1,
    "networks": 1,
    "study": 2,
    "data": 3,
    "training": 4,
    "results": 5,
    "report": 6,
    "predict": 6,
    "export": 6,
    "cluster": 7,
    "tune": 8,
    "display": 8,
    "watch": 9,
    "api": 9,
    "bench": 9,
    "cli": 10,
}
"""A part imports parts below it, and itself."""


@cache
def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            if node.module == "mnistcmp":
                names.update(f"mnistcmp.{alias.name}" for alias in node.names)
    return names


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(path for path in PACKAGE.rglob("*.py") if _part(path) in LAYERS)


def test_every_part_has_its_place() -> None:
    """No module stands outside the layers, except the package's own two files."""
    parts = {_part(path) for path in PACKAGE.rglob("*.py")}
    assert parts - set(LAYERS) == {"__init__", "__main__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    """Imports go one way, from the command line down."""
    own = _part(path)
    for name in _imports(path):
        found = re.match(r"mnistcmp\.(\w+)", name)
        if found and found[1] != "__version__":
            assert found[1] == own or LAYERS[found[1]] < LAYERS[own], name


def test_a_file_is_read_in_one_go() -> None:
    """None is longer than 300 lines."""
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in FILES}
    assert {path.name: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_a_function_fits_a_screen() -> None:
    """Its signature and docstring aside, which say as much as a command has options."""
    long = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                body = node.body[bool(ast.get_docstring(node)) :] or node.body
                lines = (node.end_lineno or 0) - body[0].lineno + 1
                if lines > LONGEST_FUNCTION:
                    long[f"{path.name}: {node.name}"] = lines
    assert long == {}


@pytest.mark.parametrize(
    ("library", "owners"),
    [
        ("ray", {"cluster", "tune"}),
        ("optuna", {"tune"}),
        ("typer", {"cli"}),
        ("pyarrow", {"results"}),
        ("safetensors", {"results"}),
    ],
)
def test_a_library_has_one_owner(library: str, owners: set[str]) -> None:
    """Only cluster and searches know Ray, only the command line typer, only results Arrow."""
    users = {_part(p) for p in FILES if any(n.split(".")[0] == library for n in _imports(p))}
    assert users == owners


@pytest.mark.process
def test_plans_submissions_and_reports_need_no_torch() -> None:
    """Importing it takes a second, which `mnistcmp launch` and `report` do not wait for."""
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'scipy']))\n"
        "import mnistcmp.report.text, mnistcmp.cluster.client, mnistcmp.cli.view\n"
        "from mnistcmp.study.named import TABLE1; print(len(TABLE1.runs()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"50\n"


@pytest.mark.process
def test_training_works_where_ray_is_not_installed() -> None:
    """The trainer can be carried to a machine that has torch and little else."""
    program = (
        "import sys; sys.modules['ray'] = sys.modules['typer'] = sys.modules['pyarrow'] = None\n"
        "from mnistcmp.training.training import train; print(train.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"train\n"
