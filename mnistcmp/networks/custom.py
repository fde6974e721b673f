"""Networks by where they are in Python, `package.module:NAME`: their names, and how one is made.

Each way in which a custom network's import fails has a line of its own.
"""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mnistcmp.errors import UserError, unknown_name

if TYPE_CHECKING:
    from torch import nn

FORM = "PACKAGE.MODULE:NAME"
"""What to write, for error messages."""

PACKAGE = "mnistcmp"
"""What is inside it is no custom network."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomName:
    """A custom network's name, taken apart."""

    module: str
    """As an import has it."""
    attribute: str

    @property
    def top(self) -> str:
        """The package or module that stands in a folder of the import path."""
        return self.module.split(".", maxsplit=1)[0]


def is_custom(name: str) -> bool:
    """Whether an architecture's name is a custom network's; no built-in one has a colon."""
    return ":" in name


def parse_name(name: str) -> CustomName:
    """The parts of a custom network's name; nothing is imported.

    Raises:
        UserError: It has another form, or a module that no other process can import by that name.
    """
    module, _, attribute = name.partition(":")
    parsed = CustomName(module=module, attribute=attribute)
    if not all(map(str.isidentifier, [*module.split("."), attribute])):
        raise UserError(
            f"'{name}' does not name a network of your own; the form is {FORM}, as in "
            "mypackage.nets:MyNet, without '.py' and slashes."
        )
    if module == "__main__":
        raise UserError(
            f"'{name}' cannot be imported by the processes that train: they have another "
            "__main__. Put the network into a module, and name that."
        )
    if parsed.top == PACKAGE:
        raise UserError(
            f"'{name}' is inside this package. 'mnistcmp architectures' lists its networks; put "
            "your own into a module of yours."
        )
    return parsed


def make_network(path: str, *arguments: object) -> "nn.Module":
    """Imports the module, and calls what is named with the arguments.

    Raises:
        UserError: It is not there, is not callable, raises, or returns something else.
    """
    from torch import nn  # noqa: PLC0415 - names are parsed where torch is not imported

    named = _find(path)
    if isinstance(named, nn.Module) or not callable(named):
        what = "a network already" if isinstance(named, nn.Module) else f"{_a(named)}"
        raise UserError(
            f"'{path}' is {what}, not a class or a function that makes a network anew for each run."
            " Name one that does."
        )
    try:
        network = named(*arguments)
    except Exception as error:
        raise UserError(
            f"'{path}' is called without arguments, and raises {in_short(error)}."
        ) from error
    if not isinstance(network, nn.Module):
        raise UserError(
            f"'{path}' returns {_a(network)}; it has to return a torch.nn.Module when it is called."
        )
    return network


def in_short(error: BaseException) -> str:
    """An error as one line: its type and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def make_folder_importable() -> None:
    """Puts the current folder on the import path, first, as `python -m` does."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()


def no_module(module: str) -> UserError:
    """The error for a module that is not found."""
    return UserError(
        f"there is no module '{module}' in this folder ({Path.cwd()}), nor is it installed. Go to "
        "the folder that it is in, or set PYTHONPATH."
    )


def _find(path: str) -> Any:  # noqa: ANN401 - whatever stands there
    name, _, attribute = path.partition(":")
    module = _import(name)
    if hasattr(module, attribute):
        return getattr(module, attribute)
    there = [name for name, value in vars(module).items() if _may_be_meant(module, value)]
    if not there:
        raise UserError(f"'{name}' has no '{attribute}', nor any class or function.")
    raise unknown_name(f"class or function of '{name}'", attribute, there)


def _import(module: str) -> ModuleType:
    if not module.startswith(f"{PACKAGE}."):
        make_folder_importable()
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise no_module(module) from error
        raise _not_importable(module, error) from error
    except (Exception, SystemExit) as error:  # whatever a module does when it is imported
        raise _not_importable(module, error) from error


def _not_importable(module: str, error: BaseException) -> UserError:
    return UserError(f"importing '{module}' raises {in_short(error)}. Correct the module first.")


def _may_be_meant(module: ModuleType, value: object) -> bool:
    """Whether it is a class or function that the module defines itself."""
    return callable(value) and getattr(value, "__module__", None) == module.__name__


def _a(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"
