"""The files that make a custom network, and a digest that tells when they have changed."""

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from mnistcmp.networks.custom import PACKAGE, make_folder_importable, no_module, parse_name

INSTALLED = {"site-packages", "dist-packages"}
"""What the folders are called that pip, and Debian, put packages in."""

LEFT_OUT = "__pycache__"
"""Beside this, what is hidden and what Python compiled is no source."""


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a network's own package or module, and of those beside it that it imports."""

    files: dict[str, Path]
    """Path below a folder of the import path, to the file."""
    installed: bool
    """Whether pip put it where it is; then others have to be given it by pip too."""

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits, the same for the same files wherever they are."""
        whole = hashlib.sha256()
        for place, path in sorted(self.files.items()):
            whole.update(f"{place}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return whole.hexdigest()[:16]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files.values())


def find_source(name: str) -> Source:
    """The source of a custom network: all of its top-level package, or its one file.

    A package or file beside it that it imports belongs to it; what is installed does not.

    Raises:
        UserError: There is no module of that name.
    """
    make_folder_importable()
    parsed = parse_name(name)
    spec = _spec(parsed.top)
    if spec is None:
        raise no_module(parsed.module)
    if _is_installed(spec):
        return Source(files=dict(_files(spec)), installed=True)
    files: dict[str, Path] = {}
    seen, waiting = {parsed.top}, [spec]
    while waiting:
        found = dict(_files(waiting.pop()))
        files |= found
        for imported in sorted(_imported(found.values()) - seen):
            seen.add(imported)
            beside = _spec(imported)
            if beside is not None and not _is_installed(beside):
                waiting.append(beside)
    if not files:
        raise no_module(parsed.module)
    return Source(files=files, installed=False)


@lru_cache(maxsize=64)
def digest_as_first_seen(name: str) -> str:
    """The digest at the first call: that of what this process has imported or will import."""
    return find_source(name).digest


def _spec(top: str) -> ModuleSpec | None:
    try:
        return find_spec(top)
    except ValueError:
        return None  # a module that was made by hand, as __main__ is


def _is_installed(spec: ModuleSpec) -> bool:
    """Whether it came with pip or with Python, or is this package."""
    if spec.name in sys.stdlib_module_names or spec.name == PACKAGE:
        return True
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""]
    return any(INSTALLED & set(Path(place).parts) for place in places)


def _files(spec: ModuleSpec) -> Iterator[tuple[str, Path]]:
    if spec.submodule_search_locations is None:
        if spec.origin and Path(spec.origin).is_file():
            yield Path(spec.origin).name, Path(spec.origin)
        return
    for folder in map(Path, spec.submodule_search_locations):
        for path in sorted(folder.rglob("*")):
            place = path.relative_to(folder.parent)
            hidden = any(part.startswith(".") or part == LEFT_OUT for part in place.parts[1:])
            if path.is_file() and not hidden and path.suffix != ".pyc":
                yield place.as_posix(), path


def _imported(paths: Iterable[Path]) -> set[str]:
    """The top-level names that Python files import. Files that do not parse are passed over."""
    names: set[str] = set()
    for path in paths:
        if path.suffix != ".py":
            continue
        try:
            nodes = list(ast.walk(ast.parse(path.read_bytes())))
        except (SyntaxError, ValueError):
            continue
        for node in nodes:
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return {name.split(".", maxsplit=1)[0] for name in names}
