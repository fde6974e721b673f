"""From values to one HTML file that asks nothing of the network."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mnistcmp import __version__
from mnistcmp.files import whole_file
from mnistcmp.report import methods, numbers, words
from mnistcmp.report.figures.drawing import DARK, LIGHT, Drawing, to_inline_svg
from mnistcmp.report.html import digits


def render(name: str, **values: Any) -> str:  # noqa: ANN401 - whatever the template shows
    """The page of that template."""
    return _environment().get_template(name).render(**values)


def write_page(path: Path, page: str) -> None:
    """Writes a page whole or not at all."""
    with whole_file(path, "the page") as file:
        file.write_text(page, encoding="utf-8", errors="replace")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mnistcmp.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = _svg
    environment.globals |= {
        "style": Markup(_style()),  # noqa: S704 - our own file
        "version": __version__,
        "methods": methods,
        "numbers": numbers,
        "words": words,
        "digits": digits,
    }
    return environment


def _style() -> str:
    """The style sheet, with the figures' colours as its variables."""
    light, dark = (
        f":root{{{''.join(f'--{name}:{colour};' for name, colour in colours.items())}}}"
        for colours in (LIGHT, DARK)
    )
    sheet = files("mnistcmp.report.html") / "templates" / "page.css"
    scheme = "@media screen and (prefers-color-scheme:dark)"
    return f"{light}\n{scheme}{{{dark}}}\n{sheet.read_text(encoding='utf-8')}"


def _svg(drawing: Drawing) -> Markup:
    return Markup(to_inline_svg(drawing))  # noqa: S704 - matplotlib escapes what it writes
