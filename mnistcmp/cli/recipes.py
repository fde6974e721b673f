"""`mnistcmp recipes` and `schema`: what a study file may say, for people and for editors."""

from pathlib import Path
from typing import Annotated

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import echo, print_json
from mnistcmp.display.terminal import Terminal
from mnistcmp.errors import look_up


def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Show this one's values too. Default: all recipes.")
    ] = None,
    json: options.Json = False,
) -> None:
    """List the named recipes, and every field of a recipe with its default."""
    from mnistcmp.report.as_json import dumps
    from mnistcmp.study.recipe import RECIPES
    from mnistcmp.study.schema import in_toml, recipe_fields

    chosen = {name: look_up("recipe", name, RECIPES)} if name else RECIPES
    if json:
        print_json(dumps({key: recipe.model_dump(mode="json") for key, recipe in chosen.items()}))
        return
    terminal = Terminal()
    rows = [
        {
            "recipe": key,
            "what differs from default": ", ".join(
                f"{field} = {in_toml(value)}" for field, value in recipe.changes().items()
            ),
        }
        for key, recipe in chosen.items()
    ]
    terminal.show("Recipes", rows)
    values = chosen[name].model_dump(mode="json") | {"base": name} if name else {}
    fields = [
        {
            "field": field.name,
            **({name: in_toml(values[field.name])} if name else {}),
            "default": field.default,
            "values": field.values,
            "": field.description,
        }
        for field in recipe_fields()
    ]
    terminal.show("Fields of a recipe", fields)
    terminal.say(
        "'mnistcmp launch --recipe NAME' trains with one; a study file has it as recipe = "
        '"NAME", or its own as [recipe] with base and fields.'
    )


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it into this file instead.")
    ] = None,
) -> None:
    """Print the JSON Schema of study files, with which an editor completes and checks them."""
    from mnistcmp.files import whole_file
    from mnistcmp.study.schema import shipped_schema

    if output is None:
        print_json(shipped_schema().rstrip())
        return
    with whole_file(output, "the schema") as file:
        file.write_text(shipped_schema(), encoding="utf-8")
    echo(
        f"The schema is {output}. The first line of a study file beside it: #:schema {output.name}"
    )
