"""Names of own networks: where one is in Python, `package.module:attribute`."""

from dataclasses import dataclass

from mnistcmp.errors import UserError

FORM = "PACKAGE.MODULE:NAME"
"""What to write, for error messages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomName:
    """A name, taken apart."""

    module: str
    """As an import has it."""
    attribute: str

    @property
    def top(self) -> str:
        """The package or module that stands in a folder of the import path."""
        return self.module.split(".", maxsplit=1)[0]


def is_custom(name: str) -> bool:
    """Whether an architecture's name is of this kind; no built-in one has a colon."""
    return ":" in name


def parse_name(name: str) -> CustomName:
    """The parts of a name; nothing is imported.

    Raises:
        UserError: It has another form, or a module that no other process can import by that name.
    """
    module, _, attribute = name.partition(":")
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
    if module.split(".", maxsplit=1)[0] == "mnistcmp":
        raise UserError(
            f"'{name}' is inside this package. 'mnistcmp architectures' lists its networks; put "
            "your own into a module of yours."
        )
    return CustomName(module=module, attribute=attribute)
