"""`mnistcmp architectures`: the networks, and their layers."""

import json as json_module
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from mnistcmp.cli.console import make_console

if TYPE_CHECKING:
    from torch import nn

    from mnistcmp.networks.architectures import Architecture


def architectures(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Show this one's layers; PACKAGE.MODULE:NAME is a network of your own. "
            "Default: all."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, layers included.")] = False,
) -> None:
    """List the networks that can be trained, with their parameters and layers."""
    from mnistcmp.networks.architectures import ARCHITECTURES, architecture

    chosen = [architecture(name)] if name else list(ARCHITECTURES.values())
    chosen = [_checked(entry) if entry.custom else entry for entry in chosen]
    if json:
        typer.echo(json_module.dumps([_as_json(entry) for entry in chosen], indent=2))
        return
    console = make_console()
    console.print(_overview(chosen))
    if name:
        console.print(_layers(chosen[0]))
    else:
        console.print("'mnistcmp architectures NAME' shows a network's layers.")


def _checked(entry: "Architecture") -> "Architecture":
    """Checks a custom network as a launch does, which shows whether it names digits."""
    from mnistcmp.study.recipe import RECIPES
    from mnistcmp.training.check import check_network

    outputs = check_network(entry.name, RECIPES["default"])
    return replace(entry, auxiliary_loss=outputs.digits is not None)


def _as_json(entry: "Architecture") -> dict[str, Any]:
    from mnistcmp.networks.layers import layer_table, parameter_count

    network = _default_network(entry)
    return {
        "name": entry.name,
        "description": entry.description,
        "weight_sharing": entry.weight_sharing,
        "auxiliary_loss": entry.auxiliary_loss,
        "parameters": parameter_count(network),
        "published": asdict(entry.published) if entry.published else None,
        "layers": [asdict(row) for row in layer_table(network)],
    }


def _default_network(entry: "Architecture") -> "nn.Module":
    from mnistcmp.study.recipe import RECIPES

    return entry.build(RECIPES["default"].network)


def _overview(chosen: list["Architecture"]) -> Table:
    from mnistcmp.networks.layers import parameter_count

    table = Table(title="Architectures", title_justify="left")
    for header in ("name", "parameters", "published, %", "description"):
        right = header.startswith(("parameters", "published"))
        table.add_column(header, justify="right" if right else "left", no_wrap=header == "name")
    for entry in chosen:
        published = entry.published
        table.add_row(
            entry.name,
            f"{parameter_count(_default_network(entry)):,}",
            f"{published.mean:.2f} ± {published.deviation:.2f}" if published else "-",
            entry.description,
        )
    return table


def _layers(entry: "Architecture") -> Table:
    from mnistcmp.networks.layers import layer_table

    table = Table(title=f"Layers of {entry.name}", title_justify="left")
    for header in ("name", "layer", "output", "parameters", "uses"):
        right = header in {"parameters", "uses"}
        table.add_column(header, justify="right" if right else "left")
    for row in layer_table(_default_network(entry)):
        shape = " x ".join(map(str, row.output_shape))
        table.add_row(row.name, row.layer, shape, f"{row.parameters:,}", str(row.uses))
    return table
