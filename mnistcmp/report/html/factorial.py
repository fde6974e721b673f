"""The 2 x 2 of weight sharing and auxiliary loss, for each recipe that has all four."""

from dataclasses import dataclass

from mnistcmp.networks.architectures import architecture
from mnistcmp.report.contents import Report, Row
from mnistcmp.report.figures.drawing import Drawing
from mnistcmp.report.figures.interaction import draw_interaction


@dataclass(frozen=True, kw_only=True, slots=True)
class FactorialView:
    """The four cells under one recipe."""

    name: str | None
    """The recipe's; None where there is one."""
    cells: dict[tuple[bool, bool], Row]
    """By (weight sharing, auxiliary loss)."""
    drawing: Drawing


def factorial_views(report: Report) -> list[FactorialView]:
    """A view for each recipe under which all four siamese networks have runs."""
    names = {c.name: None if report.recipe else c.recipe_name for c in report.conditions}
    found: dict[str | None, dict[tuple[bool, bool], Row]] = {}
    for row in report.rows:
        factors = architecture(row.architecture).factors
        if factors is not None:
            found.setdefault(names[row.condition], {})[factors] = row
    title = "Weight sharing and auxiliary loss"
    return [
        FactorialView(
            name=name,
            cells=cells,
            drawing=draw_interaction(
                {cell: row.accuracy for cell, row in cells.items()},
                name=f"factorial-{number}",
                title=title if name is None else f"{title}, {name}",
            ),
        )
        for number, (name, cells) in enumerate(found.items())
        if len(cells) == 4  # noqa: PLR2004 - two by two
    ]
