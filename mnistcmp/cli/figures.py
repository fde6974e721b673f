"""`mnistcmp figures`: the networks' structure, the learning curves and every run, as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import echo
from mnistcmp.errors import UserError
from mnistcmp.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mnistcmp.report.contents import Report
    from mnistcmp.report.figures.drawing import Drawing
    from mnistcmp.results.store import ResultsStore

FormatChoice = Literal["svg", "png", "both"]


def figures(
    results: Annotated[
        str | None,
        typer.Argument(help="Results folder or URI for figures of runs. Default: none."),
    ] = None,
    output: options.Folder = Path("figures"),
    form: Annotated[FormatChoice, typer.Option("--format", help="Of the files.")] = "both",
) -> None:
    """Draw the report's figures: 1 and 2, each network's structure; 3, its learning curves.

    Figures 1 and 2 are drawn from the networks' own code. Without results they are those of the
    default recipe; with results, those of its conditions, and figure 3 too, and every run's test
    accuracy as a dot (STUDY-dots; as SVG on light and on dark paper). A network of your own is
    drawn where torch.fx can follow its code. The same results give the same bytes.
    """
    for name, content in list(_files(results, form)):
        with whole_file(output / name, "the figure") as file:
            file.write_bytes(content)
        echo(output / name)


def _files(results: str | None, form: FormatChoice) -> "Iterator[tuple[str, bytes]]":
    """Names and contents of the figures' files."""
    from mnistcmp.report.figures.drawing import DARK, LIGHT, to_png, to_svg

    drawings, dots = _drawings(results)
    for drawing in drawings + dots:
        if form != "svg":
            yield f"{drawing.name}.png", to_png(drawing)
    if form != "png":
        for drawing in drawings:
            yield f"{drawing.name}.svg", to_svg(drawing)
        for drawing in dots:
            yield f"{drawing.name}-light.svg", to_svg(drawing, LIGHT)
            yield f"{drawing.name}-dark.svg", to_svg(drawing, DARK)


def _drawings(results: str | None) -> "tuple[list[Drawing], list[Drawing]]":
    """Structures and learning curves; and the dots of every run."""
    from mnistcmp.networks.architectures import ARCHITECTURES
    from mnistcmp.report.build import build_report
    from mnistcmp.report.figures.curves import draw_learning
    from mnistcmp.report.figures.dots import draw_accuracies
    from mnistcmp.report.figures.drawing import file_stem
    from mnistcmp.report.figures.structure import draw_structure
    from mnistcmp.report.runs import read_groups
    from mnistcmp.results.store import ResultsStore
    from mnistcmp.study.recipe import RECIPES

    if results is None:
        network = RECIPES["default"].network
        return [draw_structure(entry, network) for entry in ARCHITECTURES.values()], []
    store = ResultsStore(results)
    report = build_report(store)
    groups = read_groups(store, report.shown)
    dots = draw_accuracies(report.rows, groups, name=f"{file_stem(report.study)}-dots")
    return [*_structures(store, report), *draw_learning(groups)], dots


def _structures(store: "ResultsStore", report: "Report") -> "Iterator[Drawing]":
    from mnistcmp.networks.architectures import architecture
    from mnistcmp.networks.graph import UntraceableError
    from mnistcmp.report.figures.structure import draw_structure
    from mnistcmp.study.sources import verify_launched_source

    launches = store.launches()
    for condition in report.conditions:
        entry = architecture(condition.architecture)
        try:
            verify_launched_source(entry.name, launches)
            yield draw_structure(entry, condition.recipe.network, name=condition.name)
        except (UserError, UntraceableError) as error:
            if not entry.custom:
                raise
            # The others' figures, and its learning curves, do not need it.
            echo(f"No structure of {condition.name} is drawn: {error}", err=True)
