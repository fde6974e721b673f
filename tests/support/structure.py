"""Writes the tree of docs/structure.md from the modules' own first lines.

python -m tests.support.structure    writes it; a test holds it against the code
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DOCUMENT = PROJECT / "docs" / "structure.md"
BEGIN, END = "<!-- tree: python -m tests.support.structure -->\n", "<!-- end of tree -->\n"


def tree() -> str:
    """Folders and modules of the package, each with the first sentence of its docstring."""
    return "\n".join(["```", *_lines(PROJECT / "mnistcmp", 0), "```"]) + "\n"


def _lines(folder: Path, depth: int) -> Iterator[str]:
    yield _line(f"{folder.name}/", folder / "__init__.py", depth)
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("__"):
            yield _line(path.name, path, depth + 1)
    for inner in sorted(folder.iterdir()):
        if (inner / "__init__.py").exists():
            yield from _lines(inner, depth + 1)


def _line(name: str, path: Path, depth: int) -> str:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(said.split("\n\n", maxsplit=1)[0].split())
    sentence = re.split(r"(?<=[.]) ", first, maxsplit=1)[0].removesuffix(".")
    return f"{'  ' * depth + name:30} {sentence}".rstrip()


def with_tree(document: str) -> str:
    """The document with the tree as it is now."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{tree()}{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_tree(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
