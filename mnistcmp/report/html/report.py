"""The page of a results folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnistcmp.networks.architectures import architecture
from mnistcmp.report.build import build_report
from mnistcmp.report.contents import Report, Row
from mnistcmp.report.curves import learning_curves
from mnistcmp.report.digits import DigitErrors, digit_errors
from mnistcmp.report.figures.curves import TRAINING_NOTE, describe_band, draw_curves, highest_error
from mnistcmp.report.figures.dots import MOST_DOTS, draw_accuracies
from mnistcmp.report.figures.drawing import Drawing
from mnistcmp.report.figures.interaction import draw_interaction
from mnistcmp.report.groups import MOST_DETAILED, Group, read_groups
from mnistcmp.report.html import provenance
from mnistcmp.report.html.pictures import shade_legend
from mnistcmp.report.html.template import render
from mnistcmp.report.numbers import spread
from mnistcmp.report.tables import Table, report_tables, table_of
from mnistcmp.results.store import ResultsStore

if TYPE_CHECKING:
    from mnistcmp.data.mnist import Mnist

MISTAKES = 8
"""Mistakes shown of each condition."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """What the page shows of one condition's runs, beside the tables."""

    name: str
    curves: Drawing
    band: str
    """What the curves' line and band are."""
    errors: DigitErrors


def report_page(store: ResultsStore, mnist: "Mnist", report: Report | None = None) -> str:
    """The page as HTML. `report` is that of the store, where it was made already.

    Raises:
        UserError: There are no results, or they cannot be read.
    """
    report = report or build_report(store)
    # A launch may be adding runs: what it finishes from here on is not shown.
    shown = {row.condition for row in report.rows}
    groups = read_groups(store, [c for c in report.conditions if c.name in shown])
    return render(
        "report.html.j2",
        report=report,
        tables=report_tables(report),
        dots=draw_accuracies(report.rows, groups, name="dots"),
        most_dots=MOST_DOTS,
        factorials=_factorials(report),
        parts=_parts(groups, _details(store, groups)),
        training_note=TRAINING_NOTE,
        most_detailed=MOST_DETAILED,
        thinned=[group.condition.name for group in groups if len(group.runs) > MOST_DETAILED],
        legend=shade_legend(),
        test_images=mnist.test.images,
        times=provenance.times(groups),
        span=provenance.span(groups),
        sources=provenance.sources(groups),
        launches=[provenance.launch_again(study) for study in store.launches()],
        place=str(store.location),
    )


def _details(store: ResultsStore, groups: Sequence[Group]) -> list[Details]:
    curves = [learning_curves(store, group) for group in groups]
    highest = highest_error(curves)
    return [
        Details(
            name=(name := group.condition.name),
            curves=draw_curves(learned, name=f"curves-{number}", title=name, highest=highest),
            band=describe_band(learned),
            errors=digit_errors(store, group, most_mistakes=MISTAKES),
        )
        for number, (group, learned) in enumerate(zip(groups, curves, strict=True))
    ]


def _parts(
    groups: Sequence[Group], details: Sequence[Details]
) -> list[tuple[str | None, list[Details]]]:
    """By recipe where there are several recipes and several architectures, else all in one."""
    conditions = [group.condition for group in groups]
    recipes = {condition.recipe_name for condition in conditions}
    if len(recipes) == 1 or len({condition.architecture for condition in conditions}) == 1:
        return [(None, list(details))]
    parts: dict[str | None, list[Details]] = {}
    for condition, of_condition in zip(conditions, details, strict=True):
        parts.setdefault(condition.recipe_name, []).append(of_condition)
    return list(parts.items())


def _factorials(report: Report) -> list[tuple[str | None, Drawing, Table]]:
    """Weight sharing and auxiliary loss, for each recipe that has all four siamese networks."""
    names = {c.name: None if report.recipe else c.recipe_name for c in report.conditions}
    found: dict[str | None, dict[tuple[bool, bool], Row]] = {}
    for row in report.rows:
        factors = architecture(row.architecture).factors
        if factors is not None:
            found.setdefault(names[row.condition], {})[factors] = row
    title = "Weight sharing and auxiliary loss"
    views = []
    for number, (name, rows) in enumerate(found.items()):
        if len(rows) < 4:  # noqa: PLR2004 - two by two
            continue
        cells = {factors: row.accuracy for factors, row in rows.items()}
        drawing = draw_interaction(
            cells,
            name=f"factorial-{number}",
            title=title if name is None else f"{title}, {name}",
        )
        means = [
            {
                "": f"{'with' if auxiliary else 'without'} auxiliary loss",
                "separate weights": spread(cells[False, auxiliary]),
                "shared weights": spread(cells[True, auxiliary]),
            }
            for auxiliary in (False, True)
        ]
        views.append((name, drawing, table_of(f"means-{number}", "Mean test accuracy, %", means)))
    return views
