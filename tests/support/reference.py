"""Writes docs/reference.md from the command line's own help and the recipe's own fields.

python -m tests.support.reference    writes the file; a test holds it against the code
"""

import ast
import html
import re
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from mnistcmp.cli.app import app
from mnistcmp.cluster import events
from mnistcmp.networks.architectures import ARCHITECTURES
from mnistcmp.study.named import STUDIES
from mnistcmp.study.recipe import RECIPES
from mnistcmp.study.schema import recipe_fields, study_fields

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference.md"

BEGINNING = """\
# Reference

Commands with their options, and the fields of study files and recipes. Written from the code by
`python -m tests.support.reference`; a test holds it against the code.

- [Commands](#commands)
- [Study files](#study-files)
- [Recipe fields](#recipe-fields)
- [Events](#events) of `--json-lines`
- [Named recipes](#named-recipes), [named studies](#named-studies), [architectures](#architectures)
"""


def reference() -> str:
    """The document."""
    return "\n".join([BEGINNING, "## Commands\n", _commands(), *_fields(), *_events(), *_names()])


def _commands() -> str:
    """Typer's own description of each command, its headings below this document's."""
    command = typer.main.get_command(app)
    context = command.make_context("mnistcmp", [], resilient_parsing=True)
    described = get_docs_for_click(
        obj=command,
        ctx=context,  # type: ignore[arg-type]
        name="mnistcmp",
    )
    described = re.sub(r"\[/?bold\]", "`", described)
    described = re.sub(r"<span[^>]*>(.*?)</span>", r"`\1`", described)
    described = re.sub(r"^\* `--(install|show)-completion`.*\n", "", described, flags=re.MULTILINE)
    lines = [line.rstrip() for line in html.unescape(described).splitlines()]
    return "\n".join("##" + line if re.match("#+ ", line) else line for line in lines)


def _fields() -> Iterator[str]:
    for title, fields in (("Study files", study_fields()), ("Recipe fields", recipe_fields())):
        yield f"\n## {title}\n\n| field | values | default | |\n|---|---|---|---|"
        for field in fields:
            default = field.default and f"`{field.default}`"
            yield f"| `{field.name}` | {field.values} | {default} | {field.description} |"


def _events() -> Iterator[str]:
    """The dataclasses of `mnistcmp.cluster.events`, as their own code describes them."""
    yield (
        "\n## Events\n\n`launch --json-lines` and `attach --json-lines` print an object a line. "
        f"Its `kind` says which of these it is, and `version` is {events.VERSION}: fields may be "
        "added to it. The `report` of a last one is what `mnistcmp report --json` prints."
    )
    tree = ast.parse(Path(events.__file__).read_text(encoding="utf-8"))
    for made in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        fields = [node for node in made.body if isinstance(node, ast.AnnAssign)]
        kind = getattr(getattr(events, made.name), "kind", None)
        if made.name == "Event":
            continue
        yield f"\n**{f'`{kind}`' if kind else made.name}**: {ast.get_docstring(made)}\n"
        yield "| field | type | |\n|---|---|---|"
        for field in fields:
            name, type_ = ast.unparse(field.target), ast.unparse(field.annotation)
            if "ClassVar" in type_:
                continue
            type_ = type_.replace("Count", "int").replace("Number", "float")
            place = made.body.index(field) + 1
            follows = made.body[place] if place < len(made.body) else None
            words = ""
            if isinstance(follows, ast.Expr):
                words = " ".join(ast.literal_eval(follows.value).split())
            yield f"| `{name}` | `{type_.replace('|', 'or')}` | {words} |"


def _names() -> Iterator[str]:
    yield "\n## Named recipes\n\n| recipe | what differs from `default` |\n|---|---|"
    for name, recipe in RECIPES.items():
        changes = ", ".join(f"`{field} = {value!r}`" for field, value in recipe.changes().items())
        yield f"| `{name}` | {changes or 'the defaults above'} |"
    yield "\n## Named studies\n\n| study | question | runs |\n|---|---|---|"
    for name, study in STUDIES.items():
        yield f"| `{name}` | {study.question} | {len(study.runs()):,} |"
    yield "\n## Architectures\n\n| architecture | |\n|---|---|"
    for name, entry in ARCHITECTURES.items():
        yield f"| `{name}` | {entry.description} |"
    yield ""


if __name__ == "__main__":
    DOCUMENT.write_text(reference(), encoding="utf-8")
