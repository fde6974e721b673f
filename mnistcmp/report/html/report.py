"""The page of a results folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnistcmp.report.build import build_report
from mnistcmp.report.contents import Report, Row
from mnistcmp.report.curves import Curves, learning_curves
from mnistcmp.report.digits import DigitErrors, digit_errors
from mnistcmp.report.explanation import explanation
from mnistcmp.report.figures.curves import TRAINING_NOTE, describe_band, draw_curves, highest_error
from mnistcmp.report.figures.dots import MOST_DOTS, DotRow, draw_dots
from mnistcmp.report.figures.drawing import Drawing
from mnistcmp.report.groups import MOST_DETAILED, Group, read_groups
from mnistcmp.report.html.digitmap import DigitMap, digit_map, legend
from mnistcmp.report.html.factorial import factorial_views
from mnistcmp.report.html.gallery import Tile, gallery
from mnistcmp.report.html.provenance import trace_origin
from mnistcmp.report.html.template import render
from mnistcmp.report.text import notes
from mnistcmp.results.store import ResultsStore

if TYPE_CHECKING:
    from mnistcmp.data.mnist import Mnist

MISTAKES = 8
"""Mistakes shown of each condition."""
ROWS_OF_DOTS = 12
"""Conditions in one plot of dots."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionView:
    """What the page shows of one condition."""

    name: str
    curves: Drawing
    band: str
    digits: DigitMap
    error_rate: float
    """Over the runs that the map counts, in %."""
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Conditions under one heading."""

    name: str | None
    """A recipe's; None where the page needs no such heading."""
    conditions: tuple[ConditionView, ...]


def report_page(store: ResultsStore, mnist: "Mnist", report: Report | None = None) -> str:
    """The page as HTML. `report` is that of the store, where it was made already.

    Raises:
        UserError: There are no results, or they cannot be read.
    """
    report = report or build_report(store)
    # A launch may be adding runs: what it finishes from here on is not shown.
    shown = {row.condition for row in report.rows}
    groups = read_groups(store, [c for c in report.conditions if c.name in shown])
    curves = [learning_curves(store, group) for group in groups]
    errors = [digit_errors(store, group, most_mistakes=MISTAKES) for group in groups]
    highest = highest_error(curves)
    views = [
        _view(number, groups[number], curves[number], errors[number], highest, mnist)
        for number in range(len(groups))
    ]
    return render(
        "report.html.j2",
        report=report,
        notes=notes(report),
        explanation=explanation(report).split("\n\n"),
        dots=_dots(report.rows, groups),
        most_dots=MOST_DOTS,
        factorials=factorial_views(report),
        parts=_parts(groups, views),
        training_note=TRAINING_NOTE,
        most_detailed=MOST_DETAILED,
        thinned=[group.condition.name for group in groups if len(group.runs) > MOST_DETAILED],
        map_legend=legend(),
        origin=trace_origin(groups, store.launches()),
        place=str(store.location),
        checksums=_checksums(),
    )


def _view(  # noqa: PLR0917 - the pieces of one condition
    number: int,
    group: Group,
    curves: Curves,
    errors: DigitErrors,
    highest: float,
    mnist: "Mnist",
) -> ConditionView:
    name = group.condition.name
    return ConditionView(
        name=name,
        curves=draw_curves(curves, name=f"curves-{number}", title=name, highest=highest),
        band=describe_band(curves),
        digits=digit_map(errors),
        error_rate=100 * float(errors.wrong.sum() / errors.pairs.sum()),
        tiles=gallery(errors.mistakes, mnist.test.images),
    )


def _dots(rows: Sequence[Row], groups: Sequence[Group]) -> list[Drawing]:
    dots = [
        DotRow(
            name=row.condition,
            values=100 * group.runs["test_accuracy"].to_numpy(),
            summary=row.accuracy,
            published=row.published,
            weight_sharing=row.weight_sharing,
            auxiliary_loss=row.auxiliary_loss,
        )
        for row, group in zip(rows, groups, strict=True)
    ]
    title = "Test accuracy of every run"
    return [
        draw_dots(dots[start : start + ROWS_OF_DOTS], name=f"dots-{start}", title=title)
        for start in range(0, len(dots), ROWS_OF_DOTS)
    ]


def _parts(groups: Sequence[Group], views: Sequence[ConditionView]) -> list[Part]:
    """By recipe where there are several recipes and several architectures, else all in one."""
    conditions = [group.condition for group in groups]
    recipes = dict.fromkeys(condition.recipe_name for condition in conditions)
    if len(recipes) == 1 or len({condition.architecture for condition in conditions}) == 1:
        return [Part(name=None, conditions=tuple(views))]
    return [
        Part(
            name=recipe,
            conditions=tuple(
                view
                for condition, view in zip(conditions, views, strict=True)
                if condition.recipe_name == recipe
            ),
        )
        for recipe in recipes
    ]


def _checksums() -> dict[str, str]:
    from mnistcmp.data.cache import MD5  # noqa: PLC0415 - imports torch

    return MD5
