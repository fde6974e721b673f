"""`mnistcmp studies`: the studies that have a name."""

import json as json_module
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from mnistcmp.cli.console import make_console

if TYPE_CHECKING:
    from mnistcmp.study.study import Study


LONGEST_IN_MINUTES = 100


def studies(
    name: Annotated[
        str | None, typer.Argument(help="Show this one's conditions. Default: all studies.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, conditions included.")] = False,
) -> None:
    """List the named studies: their questions, their runs, and about how long they take."""
    from mnistcmp.study.named import STUDIES, named_study
    from mnistcmp.training.estimate import MEASURED_ON

    chosen = [named_study(name)] if name else list(STUDIES.values())
    if json:
        typer.echo(json_module.dumps([_as_json(study) for study in chosen], indent=2))
        return
    console = make_console()
    console.print(_overview(chosen))
    if name:
        console.print(_conditions(chosen[0]))
    console.print(
        f"Time: of training alone, at the speed of {MEASURED_ON}, on the {_processors()} "
        "processors of this machine.",
        highlight=False,
    )
    if not name:
        console.print("'mnistcmp studies NAME' shows a study's conditions.")
    console.print(f"'mnistcmp launch --study {name or 'NAME'}' runs it.", highlight=False)


def _as_json(study: "Study") -> dict[str, Any]:
    from mnistcmp.training.estimate import estimated_seconds

    return {
        "name": study.name,
        "question": study.question,
        "seeds": list(study.seeds),
        "runs": _run_count(study),
        "estimated_processor_seconds": estimated_seconds(study),
        "conditions": [
            {
                "name": condition.name,
                "architecture": condition.architecture,
                "recipe": condition.recipe.model_dump(mode="json"),
                "recipe_hash": condition.recipe.hash,
            }
            for condition in study.conditions
        ],
    }


def _overview(chosen: list["Study"]) -> Table:
    from mnistcmp.training.estimate import estimated_seconds

    table = Table(title="Studies", title_justify="left")
    for header in ("name", "conditions", "seeds", "runs", "time", "question"):
        right = header not in {"name", "question"}
        table.add_column(header, justify="right" if right else "left", no_wrap=header != "question")
    for study in chosen:
        table.add_row(
            study.name,
            str(len(study.conditions)),
            str(len(study.seeds)),
            str(_run_count(study)),
            _duration(estimated_seconds(study) / _processors()),
            study.question,
        )
    return table


def _conditions(study: "Study") -> Table:
    table = Table(title=f"Conditions of {study.name}", title_justify="left")
    for header in ("condition", "architecture", "recipe"):
        table.add_column(header)
    for condition in study.conditions:
        table.add_row(condition.name, condition.architecture, condition.recipe.label)
    return table


def _run_count(study: "Study") -> int:
    return len(study.conditions) * len(study.seeds)


def _processors() -> int:
    return os.cpu_count() or 1


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < LONGEST_IN_MINUTES else f"{seconds / 3600:.1f} h"
