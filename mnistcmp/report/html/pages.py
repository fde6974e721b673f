"""The page of a results folder, and that of a comparison."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mnistcmp.networks.architectures import architecture
from mnistcmp.report.build import build_report
from mnistcmp.report.contents import Report, SideBySide
from mnistcmp.report.figures.curves import TRAINING_NOTE, Curves, draw_curves, highest_error
from mnistcmp.report.figures.dots import (
    MOST_DOTS,
    DotRow,
    draw_accuracies,
    draw_dots,
    draw_interaction,
)
from mnistcmp.report.figures.drawing import Drawing
from mnistcmp.report.html import provenance
from mnistcmp.report.html.digits import digit_errors, shade_legend
from mnistcmp.report.html.template import render
from mnistcmp.report.numbers import spread
from mnistcmp.report.runs import MOST_DETAILED, Group, read_groups
from mnistcmp.report.tables import Table, comparison_tables, report_tables
from mnistcmp.results.store import ResultsStore
from mnistcmp.statistics import Summary

if TYPE_CHECKING:
    from mnistcmp.data.mnist import Mnist

MISTAKES = 8
"""Mistakes shown of each condition."""


def report_page(
    store: ResultsStore,
    mnist: "Mnist",
    report: Report | None = None,
    *,
    template: str = "report.html.j2",
) -> str:
    """The page as HTML. `report` is that of the store, where it was made already."""
    report = report or build_report(store)
    groups = read_groups(store, report.shown)
    return render(
        template,
        report=report,
        tables=report_tables(report),
        dots=draw_accuracies(report.rows, groups, name="dots"),
        most_dots=MOST_DOTS,
        factorials=_factorials(report),
        parts=_parts([group for group in groups if len(group.runs)]),
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


def _parts(groups: Sequence[Group]) -> list[tuple[str | None, list[dict[str, object]]]]:
    """What is shown of each condition beside the tables: curves, errors by digits, mistakes.

    By recipe where there are several recipes and several architectures, else all in one part.
    """
    conditions = [group.condition for group in groups]
    one_part = 1 in {len({c.recipe for c in conditions}), len({c.architecture for c in conditions})}
    curves = [Curves.of(group) for group in groups]
    highest = highest_error(curves)
    parts: dict[str | None, list[dict[str, object]]] = {}
    for number, (group, learned) in enumerate(zip(groups, curves, strict=True)):
        name = group.condition.name
        details = {
            "name": name,
            "curves": draw_curves(learned, name=f"curves-{number}", title=name, highest=highest),
            "band": learned.describe_band(),
            "errors": digit_errors(group, most_mistakes=MISTAKES),
        }
        parts.setdefault(None if one_part else group.condition.recipe_name, []).append(details)
    return list(parts.items())


def _factorials(report: Report) -> list[tuple[str | None, Drawing, Table]]:
    """Weight sharing and auxiliary loss, for each recipe that has all four siamese networks."""
    names = {c.name: None if report.recipe else c.recipe_name for c in report.conditions}
    found: dict[str | None, dict[tuple[bool, bool], Summary]] = {}
    for row in report.rows:
        factors = architecture(row.architecture).factors
        if factors is not None and row.accuracy is not None:
            found.setdefault(names[row.condition], {})[factors] = row.accuracy
    views = []
    for number, (name, cells) in enumerate(found.items()):
        if len(cells) < 4:  # noqa: PLR2004 - two by two
            continue
        title = "Weight sharing and auxiliary loss" + (f", {name}" if name else "")
        means = [
            {
                "": f"{'with' if auxiliary else 'without'} auxiliary loss",
                "separate weights": spread(cells[False, auxiliary]),
                "shared weights": spread(cells[True, auxiliary]),
            }
            for auxiliary in (False, True)
        ]
        drawing = draw_interaction(cells, name=f"factorial-{number}", title=title)
        table = Table(name=f"means-{number}", title="Mean test accuracy, %", rows=means)
        views.append((name, drawing, table))
    return views


def comparison_page(comparisons: Sequence[SideBySide], *, first: str, second: str) -> str:
    """The page of a comparison as HTML, a section for each of the compared conditions."""
    return render(
        "comparison.html.j2",
        title=f"{first} and {second}, compared",
        views=[
            (
                comparison,
                _differences(comparison, f"differences-{number}"),
                comparison_tables(comparison, name=str(number), most_seeds=MOST_DETAILED),
            )
            for number, comparison in enumerate(comparisons)
        ],
    )


def _differences(comparison: SideBySide, name: str) -> Drawing:
    sides = f"{comparison.first} less {comparison.second}"
    row = DotRow(
        name=comparison.subject or sides,
        values=np.array(comparison.differences),
        summary=comparison.difference,
    )
    return draw_dots(
        [row],
        name=name,
        title=f"Differences in test accuracy, {sides}",
        axis="difference in test accuracy, points",
        zero=True,
    )
