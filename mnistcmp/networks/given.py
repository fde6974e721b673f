"""Networks that Python programs give as classes or functions; those of a script or a notebook.

What a module has is named as on the command line, and imported by each process that trains it. What
a script or notebook defines is in no module that others could import: it is kept here by its name,
and travels by value to processes on the same machine.
"""

import ast
import inspect
import linecache
import sys
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from mnistcmp.errors import UserError

MAIN = "__main__"
"""The module of a script or a notebook."""

LONGEST_VALUE = 10_000
"""Characters of a value's text: of a longer one, as of a tensor, some would be left out."""

kept: dict[str, Callable[..., Any]] = {}
"""Name to what makes a network, of those that a script or notebook defines."""


def is_kept_by_value(name: str) -> bool:
    """Whether a network's name is that of one that a script or notebook defines."""
    return name.startswith(f"{MAIN}:")


def name_network(network: Any) -> str:  # noqa: ANN401 - whatever a program gives
    """The name of a class or function that makes networks, as studies and results have it.

    Raises:
        UserError: It has none that can be looked up.
    """
    module, name = getattr(network, "__module__", None), getattr(network, "__qualname__", None)
    if not callable(network) or module is None or name is None:
        raise UserError(
            f"an object of type {type(network).__name__} is no architecture. Allowed: a name, or a "
            "class or function, itself, that makes a network when it is called without arguments."
        )
    if not name.isidentifier():
        raise UserError(
            f"{name} is defined inside something else, where no other process finds it. Define it "
            "at the top level of the script, notebook or module."
        )
    if module == MAIN:
        kept[f"{MAIN}:{name}"] = network
    elif getattr(sys.modules.get(module), name, None) is not network:
        raise UserError(
            f"{module} has another {name} than the one given, or none. Give what the module has "
            "under that name."
        )
    return f"{module}:{name}"


def find_kept(name: str) -> Callable[..., Any]:
    """What a script or notebook defines under a name.

    Raises:
        UserError: It is not there, as in any other process.
    """
    if name not in kept:
        raise UserError(
            f"'{name}' was defined in a script or notebook, and other processes cannot import it "
            "from there. Put the network into a module, and name that."
        )
    return kept[name]


def read_definition(name: str) -> tuple[str, set[str]]:
    """The text that defines a network in a script or notebook, and the modules that it refers to.

    It is the network's own, and that of every class, function and value of the script that this
    refers to. Comments and layout do not count.

    Raises:
        UserError: The text is not to be had, as of what was typed at a prompt; or a value's is not
            the same in each process.
    """
    beside = vars(sys.modules[MAIN])
    texts: dict[str, str] = {}
    modules: set[str] = set()
    waiting: list[tuple[str, Any]] = [(name, find_kept(name))]
    while waiting:
        known_as, value = waiting.pop()
        if known_as in texts:
            continue
        value = inspect.unwrap(value)
        is_defined = isinstance(value, type | FunctionType | BuiltinFunctionType)
        modules.add(value.__name__ if isinstance(value, ModuleType) else _module_of(value))
        if not isinstance(value, ModuleType) and not is_defined:
            texts[known_as] = _written(known_as, value)
        elif is_defined and value.__module__ == MAIN:
            node = _definition(value)
            texts[known_as] = ast.unparse(node)
            used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            waiting += [(other, beside[other]) for other in used & beside.keys()]
    text = "\n".join(f"{known_as}: {text}" for known_as, text in sorted(texts.items()))
    return text, modules - {MAIN}


def _module_of(value: object) -> str:
    return getattr(value, "__module__", None) or type(value).__module__


def _written(name: str, value: object) -> str:
    """A value of a script as text that is the same in each process."""
    text = repr(sorted(map(repr, value)) if isinstance(value, set | frozenset) else value)
    if " at 0x" in text or len(text) > LONGEST_VALUE:
        raise UserError(
            f"the network refers to {name} of the script or notebook, a {type(value).__name__} of "
            "which later launches could not tell whether it was changed. Make it in the network, "
            "or put both into a module."
        )
    return text


def _definition(value: type | FunctionType | BuiltinFunctionType) -> ast.stmt:
    """The statement that made a class or a function."""
    # A notebook's classes know no file, but their methods do.
    members = vars(value).values() if isinstance(value, type) else [value]
    for member in members:
        if isinstance(member, FunctionType):
            text = "".join(linecache.getlines(member.__code__.co_filename))
            for node in reversed(ast.parse(text).body):
                kinds = ast.ClassDef, ast.FunctionDef
                if isinstance(node, kinds) and node.name == value.__qualname__:
                    return node
    raise UserError(
        f"the source of {value.__qualname__} is not to be had, so later launches could not tell "
        "whether it was changed. Define it in a file, and with a method of its own."
    )
