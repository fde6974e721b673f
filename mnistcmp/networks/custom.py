"""From an own network's name to the network. Each way in which that fails has a line of its own."""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mnistcmp.errors import UserError, unknown_name
from mnistcmp.networks.names import CustomName, parse_name
from mnistcmp.networks.source import make_folder_importable, no_module

if TYPE_CHECKING:
    from torch import nn


def make_network(name: str) -> "nn.Module":
    """Imports the module, and calls what is named without arguments.

    Raises:
        UserError: It is not there, is not callable, raises, or gives something else.
    """
    from torch import nn  # noqa: PLC0415 - finding and telling apart needs none

    own = parse_name(name)
    named = _named(own)
    if isinstance(named, nn.Module) or not callable(named):
        what = "a network already" if isinstance(named, nn.Module) else f"{_a(named)}"
        raise UserError(
            f"'{name}' is {what}, not a class or a function that makes a network anew for each run."
            " Name one that does."
        )
    try:
        network = named()
    except Exception as error:
        raise UserError(
            f"'{name}' is called without arguments, and raises {in_short(error)}."
        ) from error
    if not isinstance(network, nn.Module):
        raise UserError(
            f"'{name}' gives {_a(network)}, and has to give a torch.nn.Module when it is called."
        )
    return network


def in_short(error: BaseException) -> str:
    """An error as one line: its type and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def _named(own: CustomName) -> Any:  # noqa: ANN401 - whatever stands there
    module = _import(own.module)
    if hasattr(module, own.attribute):
        return getattr(module, own.attribute)
    there = [name for name, value in vars(module).items() if _may_be_meant(module, value)]
    if not there:
        raise UserError(f"'{own.module}' has no '{own.attribute}', nor any class or function.")
    raise unknown_name(f"class or function of '{own.module}'", own.attribute, there)


def _import(module: str) -> ModuleType:
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
    return UserError(f"importing '{module}' raises {in_short(error)}. Mend it, and try again.")


def _may_be_meant(module: ModuleType, value: object) -> bool:
    """Whether it is a class or function, and the module's own."""
    return callable(value) and getattr(value, "__module__", None) == module.__name__


def _a(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"
