"""The documents that are written from the code are as the code is now."""

from tests.support import reference, structure


def test_the_reference_is_what_the_code_says() -> None:
    """Whoever changes an option or a field writes the document anew, with one command."""
    assert reference.DOCUMENT.read_text(encoding="utf-8") == reference.reference()


def test_the_map_has_every_module_and_no_other() -> None:
    """The tree of docs/structure.md is the package's."""
    document = structure.DOCUMENT.read_text(encoding="utf-8")
    assert document == structure.with_tree(document)
