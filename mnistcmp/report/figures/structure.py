"""Figures 1 and 2: a network's structure, drawn from the graph that its own code makes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mnistcmp.networks.architectures import Architecture
from mnistcmp.networks.graph import Graph, Step, trace
from mnistcmp.networks.options import NetworkOptions
from mnistcmp.report.figures.drawing import LIGHT, Drawing, file_stem, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 0.25
"""Inches from one step to the next."""
BOX = 0.19
"""Height of a step's box."""
COLUMN = 3.75
"""Width of a step's box."""
GAP = 0.35
"""Between the two columns."""
MARGIN = 0.3
"""Left and right of the columns; the auxiliary losses' arrows run in it."""
MIDDLE = 0.5
"""The column of what reads both images, between the images' own, 0 and 1."""
_SMALL = 7.5
_EM = 0.64
"""A letter's width in the title, of its size."""


def draw_structure(entry: Architecture, options: NetworkOptions, *, name: str = "") -> Drawing:
    """An architecture's steps from the pair to the losses; `name` is by default its own."""
    number = "1" if entry.weight_sharing is None else "2"
    name = name or entry.name
    graph = trace(entry.build(options))
    total = sum(step.parameters for step in graph.steps)
    columns = _columns(graph.steps)
    rows = _rows(graph.steps, columns)
    wide = 1 if set(columns.values()) == {MIDDLE} else 2
    below = sum(columns[key] == MIDDLE for key in graph.digits or ())
    height = (max(rows.values()) + 3 + below) * ROW + 0.55
    width = wide * COLUMN + (wide - 1) * GAP + 2 * MARGIN
    legend = "layer, output without the batch, parameters (tinted where it has some)"
    if any(step.same_weights_as for step in graph.steps):
        legend += "; dashed: the same weights as on the left, used once more"
    with style():
        figure = new_figure(width, height, layout=None)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        title = f"Figure {number}. {name}: {total:,} parameters"
        size = min(11.0, (width - MARGIN) * 72 / (_EM * len(title)))
        axes.text(MARGIN, 0.2, title, fontsize=size, fontweight="bold", va="center")
        axes.text(MARGIN, 0.42, legend, fontsize=_SMALL, va="center", color=LIGHT["muted"])
        room = width - 2 * MARGIN - COLUMN
        places = {
            step.key: (MARGIN + columns[step.key] * room, 0.6 + rows[step.key] * ROW)
            for step in graph.steps
        }
        for step in graph.steps:
            _draw_step(axes, step, places)
        _draw_losses(axes, entry, graph, places)
    return Drawing(
        name=file_stem(f"figure-{number}-{name}"),
        title=title,
        description=_in_words(entry, graph),
        figure=figure,
    )


def _columns(steps: Sequence[Step]) -> dict[str, float]:
    """0 for what reads the first image alone, 1 for the second alone, else `MIDDLE`."""
    images: dict[str, frozenset[str]] = {}
    for step in steps:
        seen = frozenset[str]().union(*(images[key] for key in step.inputs))
        images[step.key] = seen | {step.operation} if step.name == "channel" else seen
    sides = {frozenset({"the first image"}): 0.0, frozenset({"the second image"}): 1.0}
    return {key: sides.get(seen, MIDDLE) for key, seen in images.items()}


def _rows(steps: Sequence[Step], columns: Mapping[str, float]) -> dict[str, int]:
    """Each step below all that it reads, and none upon another."""
    rows: dict[str, int] = {}
    taken: set[tuple[int, float]] = set()
    for step in steps:
        column = columns[step.key]
        covered = (0.0, MIDDLE, 1.0) if column == MIDDLE else (column, MIDDLE)
        row = 1 + max((rows[key] for key in step.inputs), default=-1)
        while any((row, other) in taken for other in covered):
            row += 1
        rows[step.key] = row
        taken.add((row, column))
    return rows


def _draw_step(axes: "Axes", step: Step, places: Mapping[str, tuple[float, float]]) -> None:
    left, top = places[step.key]
    softmax, repeats = step.name == "softmax", step.same_weights_as is not None
    _box(
        axes,
        (left, top, COLUMN, BOX),
        0.04,
        facecolor=LIGHT["tint" if step.parameters else "paper"],
        edgecolor=LIGHT["orange" if softmax else "muted"],
        linewidth=1.6 if softmax else 0.7,
        linestyle="--" if repeats else "-",
    )
    count = f"{step.parameters:,}" if step.parameters else "same" * repeats
    shape = " × ".join(map(str, step.output_shape))
    for across, text, side in (
        (0.06, step.name, "left"),
        (1.2, step.operation, "left"),
        (3.2, shape, "right"),
        (COLUMN - 0.06, count, "right"),
    ):
        place = left + across, top + BOX / 2
        axes.text(*place, text, ha=side, fontsize=_SMALL, va="center_baseline")
    for key in step.inputs:
        before_left, before_top = places[key]
        _arrow(axes, (before_left + COLUMN / 2, before_top + BOX), (left + COLUMN / 2, top))


def _draw_losses(
    axes: "Axes", entry: Architecture, graph: Graph, places: Mapping[str, tuple[float, float]]
) -> None:
    """The comparison's loss below all steps; the auxiliary ones beside the head.

    Where no column is an image's own, they are below the comparison's.
    """
    middle, top = places[graph.comparison]
    bottom = max(top for _, top in places.values())
    text = "cross-entropy: is the first digit ≤ the second?"
    _draw_loss(axes, (middle, bottom + ROW, COLUMN, BOX), text)
    _arrow(axes, (middle + COLUMN / 2, top + BOX), (middle + COLUMN / 2, bottom + ROW))
    if entry.auxiliary_loss is False or graph.digits is None:
        return
    for number, (key, of) in enumerate(zip(graph.digits, ("first", "second"), strict=True)):
        left, top = places[key]
        first, beside = of == "first", left != middle
        width, height = (abs(middle - left) - GAP / 2, 2 * BOX) if beside else (COLUMN, BOX)
        edge = left if first else left + COLUMN
        outside = edge + (-1 if first else 1) * MARGIN / 2
        target = BOX / 2 + (top + 5 * ROW if beside else bottom + (2 + number) * ROW)
        way = [edge, outside, outside], [top + BOX / 2, top + BOX / 2, target]
        axes.plot(*way, color=LIGHT["blue"], linewidth=1.2)
        _arrow(axes, (outside, target), (edge, target), colour="blue")
        place = edge if first else edge - width, target - height / 2, width, height
        between = "\n" if beside else " "
        text = f"auxiliary loss: cross-entropy{between}with the {of} digit"
        _draw_loss(axes, place, text)


def _draw_loss(axes: "Axes", place: tuple[float, float, float, float], text: str) -> None:
    blue = LIGHT["blue"]
    _box(axes, place, 0.09, facecolor=LIGHT["paper"], edgecolor=blue, linewidth=1.4)
    left, top, width, height = place
    centre = left + width / 2, top + height / 2
    axes.text(*centre, text, fontsize=_SMALL, ha="center", va="center", color=blue)


def _box(
    axes: "Axes",
    place: tuple[float, float, float, float],
    radius: float,
    **style: Any,  # noqa: ANN401 - matplotlib's
) -> None:
    """Left, top, width and height in inches, with round corners."""
    from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415 - after `drawing` has it

    left, top, width, height = place
    shape = f"round,pad=0,rounding_size={radius}"
    axes.add_patch(FancyBboxPatch((left, top), width, height, boxstyle=shape, **style))


def _arrow(
    axes: "Axes", start: tuple[float, float], end: tuple[float, float], *, colour: str = "muted"
) -> None:
    shape = {
        "arrowstyle": "-|>,head_width=0.12,head_length=0.22",
        "color": LIGHT[colour],
        "linewidth": 0.7,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axes.annotate("", end, start, arrowprops=shape)


def _in_words(entry: Architecture, graph: Graph) -> str:
    """The figure for those who do not see it."""
    shared = sum(step.same_weights_as is not None for step in graph.steps)
    names = {step.key: step.name for step in graph.steps}
    softmax = [names[step.inputs[0]] for step in graph.steps if step.name == "softmax"]
    steps = f"{len(graph.steps)} steps from a pair of two 14 by 14 images to two outputs"
    words = [f"{steps}: {entry.description}."]
    if shared:
        words.append(f"{shared} steps of the second image use the first image's weights.")
    follows = f"A softmax follows {', '.join(softmax)}."
    words.append(follows if softmax else "There is no softmax before the losses.")
    if entry.auxiliary_loss is not False and graph.digits is not None:
        taken = " and ".join(names[key] for key in graph.digits)
        words.append(f"Auxiliary losses take the outputs of {taken}, one for each image.")
    return " ".join(words)
