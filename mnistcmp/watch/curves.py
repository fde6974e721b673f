"""Curves of what is in training as SVG, drawn anew every second: as paths, without matplotlib."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnistcmp.cluster.live import Curve, Point, Spread

WIDTH, HEIGHT = 320, 160
"""Of the plotted area, in the units of the page's figures."""
STEPS = 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0
"""Where the axis of errors may end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """One stack's errors of one kind: the line of their mean, and the band of its runs."""

    line: str
    """Points as SVG has them."""
    band: str
    """Of a polygon; empty where there is one run."""
    end: tuple[str, str]
    """Where the line ends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """A condition's curves, one of each kind for each stack of runs."""

    condition: str
    epochs: int
    highest: float
    """Error at the top of the axis, 0 to 1; the same for all plots of a page."""
    train: tuple[Trace, ...]
    validation: tuple[Trace, ...]
    latest: Point
    """Of the stack that is furthest."""
    runs: int


def plots(curves: Sequence[Curve], order: Sequence[str]) -> list[Plot]:
    """A plot for each condition that has a curve, all with the same axes; `order` is theirs."""
    drawn = [curve for curve in curves if curve.points and curve.condition in order]
    highest = _end_of_axis(
        max(point.train.high, point.validation.high) for curve in drawn for point in curve.points
    )
    by_condition: dict[str, list[Curve]] = {}
    for curve in sorted(drawn, key=lambda curve: order.index(curve.condition)):
        by_condition.setdefault(curve.condition, []).append(curve)
    return [
        Plot(
            condition=condition,
            epochs=of_it[0].epochs,
            highest=highest,
            train=tuple(_trace(c, [p.train for p in c.points], highest) for c in of_it),
            validation=tuple(_trace(c, [p.validation for p in c.points], highest) for c in of_it),
            latest=max((curve.points[-1] for curve in of_it), key=lambda point: point.epoch),
            runs=sum(len(curve.seeds) for curve in of_it),
        )
        for condition, of_it in by_condition.items()
    ]


def _end_of_axis(errors: Iterable[float]) -> float:
    highest = max(errors, default=1.0)
    return next((step for step in STEPS if step >= highest), math.ceil(highest))


def _trace(curve: Curve, spreads: Sequence[Spread], highest: float) -> Trace:
    """Points of one are drawn as a short line, so that something is seen of them."""
    across = [WIDTH * point.epoch / max(curve.epochs, 1) for point in curve.points]

    def path(values: Sequence[float], places: Sequence[float]) -> str:
        return " ".join(
            f"{x:.1f},{HEIGHT * (1 - min(value / highest, 1)):.1f}"
            for x, value in zip(places, values, strict=True)
        )

    line = path([s.mean for s in spreads], across)
    if len(spreads) == 1:
        line = f"0,{line.partition(',')[2]} {line}"
    upper = path([s.high for s in spreads], across)
    lower = path([s.low for s in reversed(spreads)], across[::-1])
    x, _, y = line.rpartition(" ")[2].partition(",")
    return Trace(line=line, band=f"{upper} {lower}" if len(curve.seeds) > 1 else "", end=(x, y))
