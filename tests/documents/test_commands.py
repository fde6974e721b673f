"""What the documents tell people to type exists."""

import importlib.util
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from mnistcmp.cli.app import app

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in (
        *PROJECT.glob("*.md"),
        *PROJECT.glob("docs/**/*.md"),
        *PROJECT.glob("*/**/README.md"),
    )
    if ".venv" not in path.parts and path.name != "reference.md"
)
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _commands(program: str) -> list[str]:
    """Command lines of a program in the documents' blocks of code, each once."""
    found: dict[str, None] = {}
    for path in DOCUMENTS:
        for block in FENCE.findall(path.read_text(encoding="utf-8")):
            for line in re.split(r"\n|&&", block.replace("\\\n", " ")):
                words = line.split(" #", maxsplit=1)[0].strip().removeprefix("$ ")
                if words.startswith(f"{program} ") and "..." not in words:
                    found[words] = None
    return list(found)


def _parse(command: Any, arguments: list[str]) -> None:  # noqa: ANN401 - typer's own click
    """Reads arguments as the command would, down to the last command, and runs none."""
    context = command.make_context("mnistcmp", arguments)
    while hasattr(command, "resolve_command"):
        _, command, arguments = command.resolve_command(
            context,
            [*context._protected_args, *context.args],  # noqa: SLF001 - click has no other
        )
        context = command.make_context(command.name, arguments, parent=context)


@pytest.mark.parametrize("line", _commands("mnistcmp"))
def test_a_command_line_is_understood(line: str) -> None:
    """Command, options and their values are ones that the command line takes."""
    _parse(typer.main.get_command(app), shlex.split(line)[1:])


@pytest.mark.parametrize("line", _commands("make"))
def test_a_target_of_make_exists(line: str) -> None:
    """Make knows the target, and what it would do."""
    targets = [word for word in shlex.split(line)[1:] if not word.startswith("-")]
    done = subprocess.run(
        ["make", "--dry-run", *targets],  # noqa: S607 - make
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_lead_somewhere(path: Path) -> None:
    """A link to a file of the project names one that is there."""
    text = re.sub(FENCE, "", path.read_text(encoding="utf-8"))
    targets = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    lost = [
        target
        for target in targets
        if target and "://" not in target and not (path.parent / target).exists()
    ]
    assert lost == []


@pytest.mark.parametrize("path", ["docker/Dockerfile", "docker/start-node", "cluster/README.md"])
def test_modules_that_are_named_outside_the_package_exist(path: str) -> None:
    """Nothing else notices before an image is built."""
    text = (PROJECT / path).read_text(encoding="utf-8")
    named = re.findall(r"\b(mnistcmp(?:\.(?!sh\b)\w+)+)(?: import (\w+))?", text)
    assert named
    for module, name in named:
        assert not name or hasattr(importlib.import_module(module), name)
        assert importlib.util.find_spec(module)
