"""`mnistcmp studies`: the studies that have a name."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import Terminal, print_json

if TYPE_CHECKING:
    from mnistcmp.study.study import Study

LONGEST_IN_MINUTES = 100


def studies(
    name: Annotated[
        str | None, typer.Argument(help="Show this one's conditions. Default: all studies.")
    ] = None,
    json: options.Json = False,
) -> None:
    """List the named studies: their questions, their runs, and about how long they take."""
    from mnistcmp.report.as_json import dumps
    from mnistcmp.study.named import STUDIES, named_study
    from mnistcmp.training.estimate import MEASURED_ON, estimated_seconds

    chosen = [named_study(name)] if name else list(STUDIES.values())
    if json:
        print_json(dumps([_as_json(study) for study in chosen]))
        return
    terminal, processors = Terminal(), os.cpu_count() or 1
    rows = [
        {
            "name": study.name,
            "conditions": str(len(study.conditions)),
            "seeds": str(len(study.seeds)),
            "runs": f"{len(study.conditions) * len(study.seeds):,}",
            "time": _duration(estimated_seconds(study) / processors),
            "question": study.question or "",
        }
        for study in chosen
    ]
    terminal.show("Studies", rows)
    if name:
        conditions = [
            {"condition": c.name, "architecture": c.architecture, "recipe": c.recipe.label}
            for c in chosen[0].conditions
        ]
        terminal.show(f"Conditions of {name}", conditions)
    terminal.say(
        f"Time: of training alone, at the speed of {MEASURED_ON}, on the {processors} processors "
        "of this machine."
    )
    if not name:
        terminal.say("'mnistcmp studies NAME' shows a study's conditions.")
    terminal.say(f"'mnistcmp launch --study {name or 'NAME'}' runs it.")


def _as_json(study: "Study") -> dict[str, Any]:
    from mnistcmp.training.estimate import estimated_seconds

    return {
        "name": study.name,
        "question": study.question,
        "seeds": list(study.seeds),
        "runs": len(study.conditions) * len(study.seeds),
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


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < LONGEST_IN_MINUTES else f"{seconds / 3600:.1f} h"
