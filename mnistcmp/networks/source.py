"""The files that make a custom network, and a digest that tells when they have changed."""

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path

from mnistcmp.errors import UserError
from mnistcmp.networks.custom import PACKAGE, find_top, no_module, parse_name, top_of
from mnistcmp.networks.given import is_kept_by_value, read_definition

INSTALLED = {"site-packages", "dist-packages"}
"""What the folders are called that pip, and Debian, put packages in."""

RESULTS = {"launches", "runs", "rounds", "epochs", "predictions", "failures"}
"""What a folder of results has, which may be inside the package, and is no source."""
WRITTEN = RESULTS | {"weights", "points", "best.toml", "search.json", "live.json", "report.html"}
"""All that work writes there; it may be the package's folder itself."""


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a network's own package or module, and of those beside it that it imports."""

    files: dict[str, Path]
    """Path below a folder of the import path, to the file."""
    installed: bool = False
    """Whether pip put it where it is; then others have to be given it by pip too."""
    text: str = ""
    """Of the definition in a script or notebook, whose own file is not among the files."""

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits, the same for the same files wherever they are.

        Raises:
            UserError: A file cannot be read.
        """
        whole = hashlib.sha256(self.text.encode())
        for place, path in sorted(self.files.items()):
            try:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                raise _unreadable(path, error) from error
            whole.update(f"{place}\0{content}\n".encode(errors="surrogateescape"))
        return whole.hexdigest()[:16]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files.values())

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of the import path that the files are below."""
        return tuple({str(path)[: -len(place) - 1]: None for place, path in self.files.items()})


def find_source(name: str) -> Source:
    """All of a network's top-level package, or its one file, and what beside it that imports.

    Raises:
        UserError: There is no module of that name, or several are; or a script's definition cannot
            be read.
    """
    if is_kept_by_value(name):
        text, modules = read_definition(name)
        return Source(files=_with_imports(set(map(top_of, modules))), text=text)
    module, _ = parse_name(name)
    spec = find_top(top_of(module))
    if spec is not None and _is_installed(spec):
        return Source(files=dict(_files(spec)), installed=True)
    files = _with_imports({top_of(module)})
    if not files:
        raise no_module(module)
    return Source(files=files)


def _with_imports(tops: set[str]) -> dict[str, Path]:
    """The files of packages and modules that are not installed, and of those that they import."""
    files: dict[str, Path] = {}
    seen: set[str] = set(sys.stdlib_module_names)
    while tops := tops - seen:
        seen |= tops
        specs = [spec for top in sorted(tops) if (spec := find_top(top)) is not None]
        found = {place: path for s in specs if not _is_installed(s) for place, path in _files(s)}
        files |= found
        tops = _imported(found.values())
    return files


def source_digest(name: str) -> str:
    """The digest of what this process has imported or will import: that of the first call.

    That of a script's or notebook's network is of what it defines now.
    """
    return find_source(name).digest if is_kept_by_value(name) else _digest_as_first_seen(name)


@lru_cache(maxsize=64)
def _digest_as_first_seen(name: str) -> str:
    return find_source(name).digest


def _is_installed(spec: ModuleSpec) -> bool:
    """Whether it came with pip, or is this package."""
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""]
    return spec.name == PACKAGE or any(INSTALLED & set(Path(place).parts) for place in places)


def _files(spec: ModuleSpec) -> Iterator[tuple[str, Path]]:
    for folder in map(Path, spec.submodule_search_locations or ()):
        yield from _below(folder, folder.name)
    if spec.submodule_search_locations is None and spec.origin and Path(spec.origin).is_file():
        yield Path(spec.origin).name, Path(spec.origin)


def _below(folder: Path, place: str, *above: Path) -> Iterator[tuple[str, Path]]:
    """The files of a package, through links too, as Python imports them.

    What is hidden and what Python compiled is no source; a compiled module without one is.
    """
    try:
        inside = {path.name: path for path in sorted(folder.iterdir())}
    except OSError as error:
        raise _unreadable(folder, error) from error
    real = folder.resolve()
    results = inside.keys() >= RESULTS
    if real in above or (results and not any(name.endswith(".py") for name in inside)):
        return
    for name, path in inside.items():
        if name.startswith(".") or name == "__pycache__" or (results and name in WRITTEN):
            continue
        if path.is_dir():
            yield from _below(path, f"{place}/{name}", real, *above)
        elif path.is_file() and not (path.suffix == ".pyc" and f"{path.stem}.py" in inside):
            yield f"{place}/{name}", path


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"cannot read {path}, a part of the network's source: {error.strerror}.")


def _imported(paths: Iterable[Path]) -> set[str]:
    """The top-level names that Python files import. Files that do not parse are passed over."""
    names: set[str] = set()
    for path in paths:
        if path.suffix != ".py":
            continue
        try:
            nodes = list(ast.walk(ast.parse(path.read_bytes())))
        except (SyntaxError, ValueError, OSError, MemoryError, RecursionError):
            continue
        for node in nodes:
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return set(map(top_of, names))
