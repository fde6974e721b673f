"""From a matplotlib figure to a file or a page: the same bytes for the same numbers.

Figures are drawn in the light colours, which are told apart by colour-blind readers, on paper and
on a screen. Where one becomes part of a page, each of these colours is replaced by the CSS variable
of its name, so that the page's own colour scheme decides.
"""

import io
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from mnistcmp.errors import UserError, in_short

# As matplotlib is imported, it asks for the backend of this name, which a notebook sets and which
# may not be there. Files need none.
_BACKEND = os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
except (UnicodeError, OSError) as error:
    raise UserError(
        f"matplotlib cannot read its settings: {in_short(error)}. Correct the file matplotlibrc, "
        "or take it away."
    ) from error

if _BACKEND is not None:
    os.environ["MPLBACKEND"] = _BACKEND

LIGHT = {
    "ink": "#1c1c1e",
    "muted": "#5a5a60",
    "rule": "#d4d4d9",
    "paper": "#ffffff",
    "blue": "#0060a8",
    "orange": "#b84a00",
    "grey": "#6a6a70",
    "tint": "#e3eef8",
}
"""Names to colours on white. Blue and orange are Okabe and Ito's, darkened to a contrast of at
least 4.5 : 1 with the paper (Color Universal Design, 2008; WCAG 2.2, 1.4.3)."""
DARK = {
    "ink": "#ececee",
    "muted": "#adadb4",
    "rule": "#46464d",
    "paper": "#17181b",
    "blue": "#6bb8f0",
    "orange": "#f0a35c",
    "grey": "#a2a2aa",
    "tint": "#1f3346",
}
"""The same names on a dark ground."""
POINTS_WIDE = 360
"""Width of a figure on a page, in its own units: as many as a phone has pixels, so that text has
about its nominal size there."""
HOUSE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": LIGHT["muted"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": LIGHT["ink"],
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "figure.dpi": 72,
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "grid.color": LIGHT["rule"],
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "mnistcmp",
    "text.color": LIGHT["ink"],
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "xtick.color": LIGHT["muted"],
    "xtick.labelcolor": LIGHT["ink"],
    "ytick.color": LIGHT["muted"],
    "ytick.labelcolor": LIGHT["ink"],
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure with the words for those who do not see it."""

    name: str
    """The stem of its file; unique on a page."""
    title: str
    description: str
    figure: Figure

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return _described_svg(self, LIGHT, fonttype="path", facecolor=LIGHT["paper"])


def file_stem(text: str) -> str:
    """A name of a file, and an id, for a condition or whatever else people named."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text)


@contextmanager
def style(settings: Mapping[Any, Any] = HOUSE) -> Iterator[None]:
    """Settings for the time of drawing or writing a figure, whatever a `matplotlibrc` asks for."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        yield


def new_figure(
    width: float, height: float, *, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """An empty figure, its size in inches."""
    return Figure(figsize=(width, height), layout=layout)


def to_png(drawing: Drawing, *, dots_per_inch: int = 200) -> bytes:
    """The figure as PNG on white."""
    paper = LIGHT["paper"]
    return _save(drawing, "png", dpi=dots_per_inch, facecolor=paper, metadata={"Software": None})


def to_svg(drawing: Drawing, colours: Mapping[str, str] = LIGHT) -> bytes:
    """The figure as an SVG file on its palette's paper, its text as outlines: alike everywhere."""
    text = _described_svg(drawing, colours, fonttype="path", facecolor=LIGHT["paper"])
    return f"<?xml version='1.0' encoding='utf-8'?>\n{text}\n".encode()


def to_inline_svg(drawing: Drawing) -> str:
    """The figure as an element for a page: text as text, its colours, fonts and size the page's."""
    variables = {name: f"var(--{name})" for name in LIGHT}
    text = _described_svg(drawing, variables, fonttype="none", facecolor="none")
    text = re.sub(r"font: ((?:bold |italic )?[\d.]+px) [^;\"]*", r"font: \1 var(--font)", text)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    return re.sub(r">\s+<", "><", text)


def _save(
    drawing: Drawing,
    form: str,
    fonttype: str = "path",
    **options: Any,  # noqa: ANN401 - matplotlib's
) -> bytes:
    file = io.BytesIO()
    with style(HOUSE | {"svg.fonttype": fonttype}):
        drawing.figure.savefig(file, format=form, **options)
    return file.getvalue()


def _described_svg(
    drawing: Drawing, colours: Mapping[str, str], *, fonttype: str, facecolor: str
) -> str:
    """Matplotlib's SVG in these colours, with title and description, and ids of its own."""
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    text = _save(drawing, "svg", fonttype, facecolor=facecolor, metadata=nothing).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*(<!--.*?-->|<metadata>.*?</metadata>)", "", text, flags=re.DOTALL)
    name, others = drawing.name, {light: colours[key] for key, light in LIGHT.items()}

    def change(tag: re.Match[str]) -> str:
        own = re.sub(r'( id="|href="#|url\(#)', rf"\1{name}-", tag[0])
        return re.sub("|".join(others), lambda colour: others[colour[0]], own)

    text = re.sub(r"<[^>]+>", change, text)
    about = (
        f'<title id="{name}-title">{escape(drawing.title)}</title>'
        f'<desc id="{name}-desc">{escape(drawing.description)}</desc>'
    )
    role = f'role="img" aria-labelledby="{name}-title" aria-describedby="{name}-desc"'
    return re.sub(r"<svg([^>]*)>", lambda tag: f"<svg{tag[1]} {role}>{about}", text, count=1)
