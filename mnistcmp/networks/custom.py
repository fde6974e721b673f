"""Networks by where they are in Python, `package.module:NAME`: their names, and how one is made.

Each way in which a custom network's import fails has a line of its own.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mnistcmp.errors import UserError, in_short, unknown_name
from mnistcmp.networks.given import find_kept, is_kept_by_value

if TYPE_CHECKING:
    from torch import nn

FORM = "PACKAGE.MODULE:NAME"
"""What to write, for error messages."""

PACKAGE = "mnistcmp"
"""What is inside it is no custom network."""

ANY_ERROR = Exception, SystemExit
"""What a user's code may raise inside `staying`; Ctrl-C is another's."""


def is_custom(name: str) -> bool:
    """Whether an architecture's name is a custom network's; no built-in one has a colon."""
    return ":" in name


def parse_name(name: str) -> tuple[str, str]:
    """The module and, in it, the class or function of a custom network; nothing is imported.

    Raises:
        UserError: It has another form, or a module that is not the user's.
    """
    module, _, attribute = name.partition(":")
    if not _is_well_formed(name):
        raise UserError(f"'{name}' does not name a network of your own; {_what_to_write(name)}.")
    if (top := top_of(module)) == PACKAGE:
        raise UserError(
            f"'{name}' is inside this package. 'mnistcmp architectures' lists its networks; put "
            "your own into a module of yours."
        )
    if top in sys.stdlib_module_names:
        raise UserError(
            f"'{name}' is in a module of Python's own, which one of that name in a folder of yours "
            "would shadow. Give your module another name."
        )
    return module, attribute


def top_of(module: str) -> str:
    """The package or module of an import that stands in a folder of the import path."""
    return module.partition(".")[0]


def _is_well_formed(name: str) -> bool:
    module, _, attribute = name.partition(":")
    parts = [*module.split("."), attribute]
    return all(map(str.isidentifier, parts)) and not module.endswith(".py")


def _what_to_write(name: str) -> str:
    """A file's path is what a shell completes; a call is what Python has."""
    file, _, attribute = name.replace("\\", "/").partition(":")
    path, attribute = Path(file.removesuffix(".py")), attribute.strip(":").removesuffix("()")
    if _is_well_formed(meant := f"{'.'.join(path.parts)}:{attribute}"):
        return f"write '{meant}'"
    if _is_well_formed(meant := f"{path.name}:{attribute}"):
        return f"go to the folder {path.parent}, and write '{meant}'"
    return f"the form is {FORM}, as in mypackage.nets:MyNet, without '.py' and slashes"


def make_network(path: str, *arguments: object) -> "nn.Module":
    """Imports the module, and calls what is named with the arguments.

    Raises:
        UserError: It is not there, is not callable, raises, or returns something else.
    """
    from torch import nn  # noqa: PLC0415 - names are parsed where torch is not imported

    named = _find(path)
    if isinstance(named, nn.Module) or not callable(named):
        what = "a network already" if isinstance(named, nn.Module) else _a(named)
        raise UserError(
            f"'{path}' is {what}, not a class or a function that makes a network anew for each run."
            " Name one that does."
        )
    try:
        with staying():
            network = named(*arguments)
    except ANY_ERROR as error:
        raise UserError(
            f"'{path}' is called without arguments, and raises {in_short(error)}."
        ) from error
    if not isinstance(network, nn.Module):
        raise UserError(
            f"'{path}' returns {_a(network)}; it has to return a torch.nn.Module when it is called."
        )
    return network


@contextmanager
def staying() -> Iterator[None]:
    """Has a user's code that would end this process, without a word or in a traceback, raise.

    What `os._exit` does, and what is no Exception, as asyncio's CancelledError, is SystemExit then.
    """
    leave, here = os._exit, os.getpid()

    def stay(status: int) -> None:
        if os.getpid() != here:
            leave(status)  # a child, as multiprocessing ends it
        raise SystemExit(f"os._exit({status})")

    vars(os)["_exit"] = stay
    try:
        yield
    except (*ANY_ERROR, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise SystemExit(in_short(error)) from error
    finally:
        vars(os)["_exit"] = leave


def find_top(top: str) -> ModuleSpec | None:
    """Where Python finds a package or module. The current folder is looked into last.

    Raises:
        UserError: The current folder has one, but so has a place before it.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    importlib.invalidate_caches()
    try:
        found = find_spec(top)
    except ValueError:
        return None  # a module that was made by hand, as __main__ is
    beside = PathFinder.find_spec(top, [here])
    places = {Path(spec.origin or "").resolve() for spec in (found, beside) if spec}
    if found and beside and beside.has_location and len(places) > 1:
        raise UserError(
            f"{beside.origin} would shadow {found.origin}, which Python finds by that name, and "
            "is not imported. Rename it, or put its folder first with PYTHONPATH."
        )
    return found


def no_module(module: str) -> UserError:
    """The error for a module that is not found."""
    return UserError(
        f"there is no module '{module}' in this folder ({Path.cwd()}), nor is it installed. Go to "
        "the folder that it is in, or set PYTHONPATH."
    )


def _find(path: str) -> Any:  # noqa: ANN401 - whatever stands there
    if is_kept_by_value(path):
        return find_kept(path)
    name, _, attribute = path.partition(":")
    module = _import(name)
    if hasattr(module, attribute):
        return getattr(module, attribute)
    there = [
        name
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__
    ]
    if not there:
        raise UserError(f"'{name}' has no '{attribute}', nor any class or function.")
    raise unknown_name(f"class or function of '{name}'", attribute, there)


def _import(module: str) -> ModuleType:
    from torch import cuda, random  # noqa: PLC0415 - as above

    if (top := top_of(module)) != PACKAGE:
        find_top(top)
    devices = range(cuda.device_count()) if cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    try:
        # A module that draws or seeds on its import would change the first run of each process.
        with random.fork_rng(devices), staying():
            return importlib.import_module(module)
    except ANY_ERROR as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{module}.".startswith(f"{missing}."):
            raise no_module(module) from error
        raise UserError(
            f"importing '{module}' raises {in_short(error)}. Correct the module first."
        ) from error


def _a(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"
