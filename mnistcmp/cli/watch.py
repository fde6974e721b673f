"""`mnistcmp watch`: a page that follows a launch."""

import subprocess
import sys
import threading
import time
import webbrowser
from contextlib import suppress
from typing import Annotated

import typer

from mnistcmp.cli import options
from mnistcmp.cli.console import echo
from mnistcmp.cli.report import DEFAULT_RESULTS

PORT = 8266
WAIT_SECONDS = 1.0
"""Between two looks for a launch that has not begun."""
IN_TERMINALS = {"elinks", "links", "lynx", "w3m", "www-browser"}


def watch(
    results: options.Results = DEFAULT_RESULTS,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes one that is free.")] = PORT,
    host: Annotated[
        str,
        typer.Option(help="An address of this machine. Others may reach another than this."),
    ] = "127.0.0.1",
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Whether a browser is opened.")
    ] = True,
    until_over: Annotated[
        bool, typer.Option("--until-over", help="End half a minute after the launch has.")
    ] = False,
) -> None:
    """Follow a launch in the browser: curves while they form, the table filling itself.

    The launch may be another terminal's or a cluster's, as long as its results folder is seen from
    here; it is waited for, where it has not begun. Before and after it the page is the report's.
    Ctrl-C ends it; the launch goes on.
    """
    from mnistcmp.cluster.address import is_loopback
    from mnistcmp.watch.server import Server
    from mnistcmp.watch.state import Watched

    def on_ready(url: str) -> None:
        echo(f"{results} is shown at {url} (Ctrl-C ends it).")
        if not is_loopback(host):
            echo("Whoever reaches this machine there can read the results.", err=True)
        if browser and not _open(url):
            echo("No browser can be opened here; open the URL in one.", err=True)

    with suppress(KeyboardInterrupt):
        if not until_over:
            _wait_for_launch(results)
        watched = Watched(results, waits=not until_over)
        Server(watched, host, port, ends=until_over).serve(on_ready)


def _wait_for_launch(results: str) -> None:
    """Waits until something was launched into a place, and says so where that takes a while."""
    from mnistcmp.results.store import ResultsStore

    store, said = ResultsStore(results), False
    while not (store.location.exists() and store.launches()):
        if not said:
            echo(f"Nothing was launched into {results} yet; waiting for that (Ctrl-C ends it).")
        said = True
        time.sleep(WAIT_SECONDS)


def _open(url: str) -> bool:
    """Whether a browser opens the page; one in the terminal would take that."""
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    if getattr(found, "name", "") in IN_TERMINALS:
        return False
    # Some come back when they are closed, and wait for the server meanwhile.
    threading.Thread(target=found.open, args=(url,), daemon=True).start()
    return True


def watch_beside(results: str) -> None:
    """Has a process of its own show a launch of this one, until that is over."""
    # -P: what is in the working folder is not to be imported in place of Python's own modules.
    command = [sys.executable, "-P", "-m", "mnistcmp", "watch", results, "--until-over", "--port=0"]
    subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)  # noqa: S603 - our own
