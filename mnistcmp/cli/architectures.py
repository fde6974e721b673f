"""`mnistcmp architectures`: the networks, and their layers."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import Terminal, print_json

if TYPE_CHECKING:
    from mnistcmp.networks.architectures import Architecture


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
    networks = {entry: entry.build(RECIPES["default"].network) for entry in chosen}
    if json:
        content = [
            {
                "name": entry.name,
                "description": entry.description,
                "weight_sharing": entry.weight_sharing,
                "auxiliary_loss": entry.auxiliary_loss,
                "parameters": parameter_count(network),
                "published": asdict(entry.published) if entry.published else None,
                "layers": [asdict(row) for row in layer_table(network)],
            }
            for entry, network in networks.items()
        ]
        print_json(dumps(content))
        return
    terminal = Terminal()
    rows = [
        {
            "name": entry.name,
            "parameters": f"{parameter_count(network):,}",
            "published, %": spread(entry.published),
            "description": entry.description,
        }
        for entry, network in networks.items()
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
        for row in layer_table(networks[chosen[0]])
    ]
    terminal.show(f"Layers of {chosen[0].name}", layers)


def _checked(entry: "Architecture") -> "Architecture":
    """A custom network is checked as by a launch, which shows whether it names digits."""
    from mnistcmp.study.recipe import RECIPES
    from mnistcmp.training.check import check_network

    if not entry.custom:
        return entry
    outputs = check_network(entry.name, RECIPES["default"])
    return replace(entry, auxiliary_loss=outputs.digits is not None)
