"""`mnistcmp figures`: the networks' structure and the learning curves, as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnistcmp.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mnistcmp.report.figures.drawing import Drawing

FormatChoice = Literal["svg", "png", "both"]


def figures(
    results: Annotated[
        str | None,
        typer.Argument(help="Results folder or URI for the learning curves. Default: none."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the figures.")] = Path(
        "figures"
    ),
    form: Annotated[FormatChoice, typer.Option("--format", help="Of the files.")] = "both",
) -> None:
    """Draw the report's figures: 1 and 2, each network's structure; 3, its learning curves.

    Figures 1 and 2 are drawn from the networks' own code. Without results they are those of the
    default recipe; with results, those of its conditions, and figure 3 too. A network of your own
    is drawn where torch.fx can follow its code. The same results give the same bytes.
    """
    from mnistcmp.report.figures.drawing import to_png, to_svg

    writers = {"svg": to_svg, "png": to_png}
    chosen = ("svg", "png") if form == "both" else (form,)
    drawings = list(_drawings(results))
    try:
        output.mkdir(parents=True, exist_ok=True)
        for drawing in drawings:
            for suffix in chosen:
                path = output / f"{drawing.name}.{suffix}"
                path.write_bytes(writers[suffix](drawing))
                typer.echo(path)
    except OSError as error:
        raise UserError(
            f"cannot write the figures to {output}: {error.strerror}. Choose another folder with "
            "--output."
        ) from error


def _drawings(results: str | None) -> "Iterator[Drawing]":
    from mnistcmp.networks.architectures import ARCHITECTURES, architecture
    from mnistcmp.networks.graph import UntraceableError
    from mnistcmp.report.build import build_report
    from mnistcmp.report.figures.curves import draw_learning
    from mnistcmp.report.figures.structure import draw_structure
    from mnistcmp.results.store import ResultsStore
    from mnistcmp.study.recipe import RECIPES
    from mnistcmp.study.sources import verify_launched_source

    if results is None:
        for entry in ARCHITECTURES.values():
            yield draw_structure(entry, RECIPES["default"].network)
        return
    store = ResultsStore(results)
    conditions, launches = build_report(store).conditions, store.launches()
    for condition in conditions:
        entry, options = architecture(condition.architecture), condition.recipe.network
        try:
            verify_launched_source(entry.name, launches)
            yield draw_structure(entry, options, name=condition.name)
        except (UserError, UntraceableError) as error:
            if not entry.custom:
                raise
            # The others' figures, and its learning curves, do not need it.
            typer.echo(f"No structure of {condition.name} is drawn: {error}", err=True)
    yield from draw_learning(store, conditions)
