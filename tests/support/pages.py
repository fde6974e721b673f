"""A real browser for pages, and studies that pages are made of."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import duckdb
import pytest

from mnistcmp.results.store import ResultsStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Request

Window = tuple[int, Literal["light", "dark"]]
"""Width in pixels, and colour scheme."""
Test = TypeVar("Test", bound=Callable[..., None])
Look = Callable[[str, Window], "Seen"]
"""Shows HTML in a window."""

WINDOWS: tuple[Window, ...] = ((380, "light"), (380, "dark"), (1400, "light"), (1400, "dark"))

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


def needs_browser(test: Test) -> Test:
    """Marks a test that looks at a page in Chromium; it is skipped where there is none."""
    absent = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
    marked: Test = pytest.mark.browser(absent(test))
    return marked


@contextmanager
def open_browser(folder: Path) -> Iterator[Look]:
    """Debian's Chromium, headless; pages are put into the folder."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - for these tests alone

    with sync_playwright() as playwright:
        # A container's root may make no sandbox; the pages are our own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield lambda page, window: _look_at(browser, page, window, folder / "page.html")
        browser.close()


def query(store: ResultsStore, text: str) -> list[tuple[Any, ...]]:
    """What SQL over a folder's Parquet files says, of the views `runs` and `predictions`."""
    with duckdb.connect() as connection:
        for table in ("runs", "predictions"):
            connection.read_parquet(f"{store.location}/{table}/*.parquet").create_view(table)
        found = connection.sql(text)
        return [] if found is None else found.fetchall()


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a browser made of a page."""

    complaints: list[str]
    """Of the console, the page's errors, refused content."""
    requests: list[str]
    """But for the page itself and what stands in it."""
    page_width: int
    """In pixels; more than the window's where the page scrolls sideways."""
    violations: list[dict[str, Any]]
    """Of axe-core's rules."""
    background: str


def assert_fine(seen: Seen, window: Window) -> None:
    """No complaint, no request, no sideways scrolling; axe-core finds nothing; the scheme is on."""
    assert seen.complaints == []
    assert seen.requests == []
    assert seen.page_width == window[0]
    assert [(v["id"], v["nodes"][0]["html"]) for v in seen.violations] == []
    assert seen.background == {"light": "rgb(255, 255, 255)", "dark": "rgb(23, 24, 27)"}[window[1]]


def _look_at(browser: "Browser", html: str, window: Window, path: Path) -> Seen:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - as playwright

    path.write_text(html, encoding="utf-8")
    width, scheme = window
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints: list[str] = []
    requests: list[str] = []

    def on_console(message: "ConsoleMessage") -> None:
        complaints.append(message.text)

    def on_request(request: "Request") -> None:
        if request.url != path.as_uri() and not request.url.startswith("data:"):
            requests.append(request.url)

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", on_request)
    page.goto(path.as_uri())
    seen = Seen(
        page_width=page.evaluate("document.documentElement.scrollWidth"),
        background=page.evaluate("getComputedStyle(document.body).backgroundColor"),
        violations=Axe().run(page).response["violations"],
        complaints=complaints,
        requests=requests,
    )
    page.close()
    return seen
