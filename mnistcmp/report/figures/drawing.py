"""From a matplotlib figure to a file or a page: the same bytes for the same numbers."""

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from mnistcmp.report.figures.palette import LIGHT

POINTS_WIDE = 360
"""Width of a figure on a page, in its own units: as many as a phone has pixels, so that text has
about its nominal size there."""

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_STYLE: dict[Any, Any] = {
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


def file_stem(text: str) -> str:
    """A name of a file, and an id, for a condition or whatever else people named."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text)


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's settings for the time of drawing or writing a figure, and as before after it."""
    with mpl.rc_context(_STYLE):
        yield


def to_png(drawing: Drawing, *, dots_per_inch: int = 200) -> bytes:
    """The figure as PNG on white."""
    return _save(
        drawing.figure,
        "png",
        dpi=dots_per_inch,
        facecolor=LIGHT["paper"],
        metadata={"Software": None},
    )


def to_svg(drawing: Drawing, colours: Mapping[str, str] = LIGHT) -> bytes:
    """The figure as an SVG file on its palette's paper, its text as outlines: alike everywhere."""
    text = _described_svg(drawing, fonttype="path", facecolor=LIGHT["paper"])
    return f"<?xml version='1.0' encoding='utf-8'?>\n{_recolour(text, colours)}\n".encode()


def to_inline_svg(drawing: Drawing) -> str:
    """The figure as an element for a page: text as text, its colours and fonts the page's."""
    text = _described_svg(drawing, fonttype="none", facecolor="none", size=False)
    text = _recolour(text, {name: f"var(--{name})" for name in LIGHT})
    text = re.sub(r"font: ((?:bold |italic )?[\d.]+px) [^;\"]*", r"font: \1 var(--font)", text)
    return re.sub(r">\s+<", "><", text)


def _recolour(text: str, colours: Mapping[str, str]) -> str:
    """Puts other colours in the place of the light ones that everything is drawn in."""
    others = {light: colours[name] for name, light in LIGHT.items()}
    return re.sub("|".join(others), lambda found: others[found[0]], text)


def _save(figure: Figure, form: str, **options: Any) -> bytes:  # noqa: ANN401 - matplotlib's
    file = io.BytesIO()
    with house_style():
        figure.savefig(file, format=form, **options)
    return file.getvalue()


def _described_svg(drawing: Drawing, *, fonttype: str, facecolor: str, size: bool = True) -> str:
    """Matplotlib's SVG with title and description, and ids that no other figure has."""
    metadata_left_out = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({"svg.fonttype": fonttype}):
        content = _save(drawing.figure, "svg", facecolor=facecolor, metadata=metadata_left_out)
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(content)  # noqa: S314 - matplotlib's own output
    metadata = root.find(f"{{{_SVG}}}metadata")
    if metadata is not None:
        root.remove(metadata)
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, f"{drawing.name}-{value}")
            elif key == f"{{{_XLINK}}}href":
                element.set(key, value.replace("#", f"#{drawing.name}-"))
            else:
                element.set(key, value.replace("url(#", f"url(#{drawing.name}-"))
    title, description = ET.Element(f"{{{_SVG}}}title"), ET.Element(f"{{{_SVG}}}desc")
    for element, text, kind in (
        (title, drawing.title, "title"),
        (description, drawing.description, "desc"),
    ):
        element.text = text
        element.set("id", f"{drawing.name}-{kind}")
    root[:0] = [title, description]
    root.set("role", "img")
    root.set("aria-labelledby", f"{drawing.name}-title")
    root.set("aria-describedby", f"{drawing.name}-desc")
    if not size:
        del root.attrib["width"], root.attrib["height"]
    return ET.tostring(root, encoding="unicode")
