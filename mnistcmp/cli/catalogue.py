"""`mnistcmp architectures` and `studies`: what can be launched by name."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import echo, print_json
from mnistcmp.display.terminal import Terminal
from mnistcmp.errors import UserError, look_up

if TYPE_CHECKING:
    from torch.nn import Module

    from mnistcmp.networks.architectures import Architecture
    from mnistcmp.study.study import Study

LONGEST_IN_MINUTES = 100


def architectures(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Show this one's layers; PACKAGE.MODULE:NAME is a network of your own. "
            "Default: all."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """List the networks that can be trained, with their parameters and layers."""
    from mnistcmp.networks.architectures import ARCHITECTURES, architecture
    from mnistcmp.networks.layers import layer_table, parameter_count
    from mnistcmp.report.as_json import dumps
    from mnistcmp.report.numbers import spread
    from mnistcmp.study.recipe import RECIPES

    chosen = [_checked(architecture(name))] if name else list(ARCHITECTURES.values())
    networks = [entry.build(RECIPES["default"].network) for entry in chosen]
    counts = [parameter_count(network) for network in networks]
    if json:
        each = zip(chosen, networks, counts, strict=True)
        print_json(dumps([_describe_network(*parts) for parts in each]))
        return
    terminal = Terminal()
    rows = [
        {
            "name": entry.name,
            "parameters": f"{count:,}",
            "published, %": spread(entry.published),
            "description": entry.description,
        }
        for entry, count in zip(chosen, counts, strict=True)
    ]
    terminal.show("Architectures", rows)
    if not name:
        terminal.say("'mnistcmp architectures NAME' shows a network's layers.")
        return
    layers = [
        {
            "name": row.name,
            "layer": row.layer,
            "output": " x ".join(map(str, row.output_shape)),
            "parameters": f"{row.parameters:,}",
            "uses": str(row.uses),
        }
        for row in layer_table(networks[0])
    ]
    terminal.show(f"Layers of {name}", layers)


def _describe_network(entry: "Architecture", network: "Module", parameters: int) -> dict[str, Any]:
    from mnistcmp.networks.layers import layer_table

    return {
        "name": entry.name,
        "description": entry.description,
        "weight_sharing": entry.weight_sharing,
        "auxiliary_loss": entry.auxiliary_loss,
        "parameters": parameters,
        "published": asdict(entry.published) if entry.published else None,
        "layers": [asdict(row) for row in layer_table(network)],
    }


def _checked(entry: "Architecture") -> "Architecture":
    """A custom network is checked as by a launch, which shows whether it names digits."""
    from mnistcmp.study.recipe import RECIPES
    from mnistcmp.training.check import check_network

    if not entry.custom:
        return entry
    outputs = check_network(entry.name, RECIPES["default"])
    return replace(entry, auxiliary_loss=outputs.digits is not None)


def studies(
    name: Annotated[
        str | None, typer.Argument(help="Show this one's conditions. Default: all studies.")
    ] = None,
    json: options.Json = False,
    toml: Annotated[
        bool, typer.Option("--toml", help="Print NAME as a study file, to start one from.")
    ] = False,
) -> None:
    """List the named studies: their questions, their runs, and about how long they take.

    With NAME, its conditions and every field of a study file too, with its value there.
    """
    from mnistcmp.cluster.node import processors
    from mnistcmp.report.as_json import dumps
    from mnistcmp.study.file import format_study
    from mnistcmp.study.named import STUDIES
    from mnistcmp.training.planning import MEASURED_ON, estimated_seconds

    if toml and (json or not name):
        raise UserError("--toml prints one study: name it, and leave --json out.")
    chosen = [look_up("study", name, STUDIES)] if name else list(STUDIES.values())
    if toml:
        echo(format_study(chosen[0]), nl=False)
        return
    if json:
        print_json(dumps([_describe_study(study) for study in chosen]))
        return
    terminal, count = Terminal(), processors()
    rows = [
        {
            "name": study.name,
            "conditions": str(len(study.conditions)),
            "seeds": str(len(study.seeds)),
            "runs": f"{len(study.conditions) * len(study.seeds):,}",
            "time": _duration(estimated_seconds(study) / count),
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
        terminal.show(f"Fields of a study file, and {name}'s", _study_fields(chosen[0]))
    terminal.say(
        f"Time: of training alone, at the speed of {MEASURED_ON}, on the {count} processors "
        f"of this machine. 'mnistcmp studies NAME' shows a study's conditions and fields, "
        f"'mnistcmp studies {name or 'NAME'} --toml' its file, and 'mnistcmp launch --study "
        f"{name or 'NAME'}' runs it."
    )


def _study_fields(study: "Study") -> list[dict[str, str]]:
    from mnistcmp.study.schema import in_toml, study_fields

    values = study.to_toml_dict()
    recipes = values.pop("recipes")
    rows = []
    for field in study_fields():
        value = in_toml(values[field.name]) if field.name in values else ""
        rows.append(
            {
                "field": field.name,
                study.name: f"{len(recipes)}, as above" if field.name == "recipes" else value,
                "default": field.default,
                "values": field.values,
                "": field.description,
            }
        )
    return rows


def _describe_study(study: "Study") -> dict[str, Any]:
    from mnistcmp.training.planning import estimated_seconds

    return {
        "name": study.name,
        "question": study.question,
        "seeds": study.seeds,
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
