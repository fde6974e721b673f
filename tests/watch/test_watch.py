"""`mnistcmp watch`: the page of a launch that goes on, and what the folder tells of it."""

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from mnistcmp.cluster import live as live_module
from mnistcmp.cluster.events import (
    ConditionProgress,
    Event,
    InTraining,
    Progress,
    Reported,
    Started,
)
from mnistcmp.cluster.live import FILE, MOST_CURVES, MOST_POINTS, read_live, recorded
from mnistcmp.data.mnist import Mnist
from mnistcmp.report.html.pages import report_page
from mnistcmp.results.outcome import Failed, Finished
from mnistcmp.results.store import SEARCH, ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.study import Run, Study
from mnistcmp.watch.server import Server
from mnistcmp.watch.state import Watched
from tests.support.commands import run_command, without_clusters
from tests.support.pages import CHROMIUM, needs_browser
from tests.support.stored import NOON

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

STARTED = Started(place="here", cpus=2, gpus=0, output="results", total=4, kept=0)


def _progress(
    *, epoch: int = 1, seeds: tuple[int, ...] = (0, 1), failed: int = 0, finished: int = 0
) -> Progress:
    validation = tuple(0.5 + 0.001 * epoch + 0.01 * seed for seed in range(len(seeds)))
    return Progress(
        total=4,
        workers=2,
        running=4,
        conditions=(
            ConditionProgress(condition="baseline", total=2, finished=finished, mean=0.8),
            ConditionProgress(condition="siamese-shared-aux", total=2),
        ),
        finished=finished,
        failed=failed,
        share=0.25,
        training=(
            InTraining(
                condition="siamese-shared-aux",
                seeds=seeds,
                host="machine-7",
                device="cuda:0",
                epoch=epoch,
                epochs=1000,
                train=validation,
                validation=validation,
            ),
        ),
        elapsed=12.0,
        left=34.0,
    )


def _events(*further: Event) -> Generator[Event, None, None]:
    yield STARTED
    yield from further


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr("mnistcmp.watch.state.READ_EVERY", 0.0)


@pytest.fixture
def going_on(store: ResultsStore) -> Callable[[Progress], None]:
    """Leaves in the store's folder what a driver leaves that has come so far."""

    def leave(progress: Progress) -> None:
        events = recorded(_events(progress), str(store.location))
        next(events)
        next(events)
        text = (Path(str(store.location)) / FILE).read_bytes()
        events.close()
        (Path(str(store.location)) / FILE).write_bytes(text)

    return leave


def test_a_launch_tells_of_itself_until_it_ends(tmp_path: Path) -> None:
    """Where it is, and each epoch that was told; afterwards the file is gone."""
    store = ResultsStore(tmp_path)
    told = [_progress(epoch=1), _progress(epoch=5), _progress(epoch=5)]
    end = Reported(output=str(tmp_path), trained=4, report=None)
    events = recorded(_events(*told, end), str(tmp_path))
    for event in events:
        live = read_live(store.location)
        if event in told:
            assert live is not None
            assert (live.place, live.progress) == ("here", event)
            (curve,) = live.curves
            assert curve.points[-1].epoch == event.training[0].epoch
        elif event is end:
            assert live is None
    assert [event.epoch for event in curve.points] == [1, 5]
    errors = curve.points[-1].validation
    assert (errors.low, errors.mean, errors.high) == pytest.approx((0.485, 0.49, 0.495))


def test_a_launch_that_is_left_tells_no_more(tmp_path: Path) -> None:
    """Whoever stops listening, and whatever ends it."""
    events = recorded(_events(_progress()), str(tmp_path))
    next(events)
    next(events)
    assert (tmp_path / FILE).exists()
    events.close()
    assert not (tmp_path / FILE).exists()


def test_what_a_killed_driver_left_goes_with_the_next_launch(tmp_path: Path) -> None:
    """Also where that has nothing to train, and so tells of no start."""
    (tmp_path / FILE).write_text("{}")

    def only_reports() -> Generator[Event, None, None]:
        yield Reported(output=str(tmp_path), trained=0, report=None)

    list(recorded(only_reports(), str(tmp_path)))
    assert not (tmp_path / FILE).exists()


def test_what_is_told_stays_small(tmp_path: Path) -> None:
    """Of whatever study: the latest curves, and so many points of each, the last among them."""
    told = [_progress(epoch=epoch) for epoch in (*range(1, 1000, 5), 1000)]
    of_one = len(told)
    for epoch in range(1, 1001, 25):
        stacks = (
            _progress(seeds=tuple(range(n, n + 10)), epoch=epoch).training
            for n in range(2, 2 + 10 * MOST_CURVES, 10)
        )
        told.append(replace(_progress(epoch=epoch), training=tuple(part for (part,) in stacks)))
    events = recorded(_events(*told), str(tmp_path))
    for number, _ in enumerate(events):
        if number == of_one:
            live = read_live(ResultsStore(tmp_path).location)
            assert live is not None
            points = live.curves[0].points
            assert MOST_POINTS / 2 <= len(points) <= MOST_POINTS + 2
            assert (points[0].epoch, points[-1].epoch) == (1, 1000)
        if number == len(told):
            live = read_live(ResultsStore(tmp_path).location)
            assert live is not None
            assert [len(c.points) >= MOST_POINTS for c in live.curves] == [True] * MOST_CURVES
            assert live.curves[-1].seeds == told[-1].training[-1].seeds
            assert (tmp_path / FILE).stat().st_size < 200_000


def test_a_folder_that_cannot_be_written_ends_no_launch(tmp_path: Path) -> None:
    """The results themselves would say so."""
    file = tmp_path / "file"
    file.write_text("")
    assert len(list(recorded(_events(_progress()), str(file)))) == 2


def _serve(server: Server) -> tuple[str, threading.Thread]:
    """The URL of a server that is up, and its thread."""
    ready, urls = threading.Event(), []

    def on_ready(url: str) -> None:
        urls.append(url)
        ready.set()

    thread = threading.Thread(target=server.serve, args=(on_ready,), daemon=True)
    thread.start()
    assert ready.wait(10)
    return urls[0], thread


@pytest.fixture
def served(
    store: ResultsStore, going_on: Callable[[Progress], None]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """The URL of a launch that goes on, and what lets it end."""
    going_on(_progress())
    url, thread = _serve(Server(Watched(str(store.location)), "127.0.0.1", 0, ends=True))

    def end() -> None:
        (Path(str(store.location)) / FILE).unlink(missing_ok=True)

    yield url, end
    end()
    requests.get(url, timeout=30)
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_the_page_shows_what_goes_on(served: tuple[str, Callable[[], None]]) -> None:
    """How far it is, each condition, what runs where; and nothing comes from elsewhere."""
    answer = requests.get(served[0], timeout=10)
    page = answer.text
    for text in (
        "25% done",
        "12.0 s so far, about 34.0 s left",
        "machine-7",
        "cuda:0",
        "1 of 1000",
    ):
        assert text in page
    assert re.search(
        r"baseline</th><td>0 of 2</td><td>2</td><td>80.00</td><td>82.17 ± 1.69</td>", page
    )
    assert 'class="band validation"' in page
    assert "script-src 'self'; connect-src 'self'" in page
    assert answer.headers["Cache-Control"] == "no-store"
    told = requests.get(f"{served[0]}live", timeout=10).json()
    assert told["live"] in page


def test_the_report_stands_below_what_goes_on_and_then_alone(
    served: tuple[str, Callable[[], None]], store: ResultsStore, mnist: Mnist
) -> None:
    """At the end the page is the report's, byte for byte."""
    url, end = served
    whole = report_page(store, mnist)
    deadline = time.monotonic() + 60
    while not (told := requests.get(f"{url}live", timeout=10).json())["report"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert requests.get(f"{url}report", timeout=10).text == whole
    assert requests.get(url, timeout=10).text != whole
    assert told["live"] is not None
    end()
    assert requests.get(f"{url}live", timeout=10).json()["live"] is None
    assert requests.get(url, timeout=10).text == whole


def test_another_site_s_name_is_not_answered(served: tuple[str, Callable[[], None]]) -> None:
    """A page elsewhere whose name leads to this machine could read the results."""
    port = int(served[0].rsplit(":", maxsplit=1)[1].strip("/"))
    for host, status in [
        (f"localhost:{port}", 200),
        ("evil.example:80", 403),
    ]:
        answer = requests.get(f"{served[0]}live", headers={"Host": host}, timeout=10)
        assert answer.status_code == status


def test_beyond_this_machine_it_answers_to_addresses_and_its_name(store: ResultsStore) -> None:
    """For other sites' names lead there too, once a browser of that network is on them."""
    everywhere = "0.0.0.0"  # noqa: S104 - as asked
    url, _ = _serve(Server(Watched(str(store.location)), everywhere, 0))
    url = url.replace(everywhere, "127.0.0.1")
    for host, status in [("192.0.2.7", 200), (socket.gethostname(), 200), ("evil.example", 403)]:
        answer = requests.get(f"{url}live", headers={"Host": host}, timeout=10)
        assert answer.status_code == status


def test_a_folder_without_runs_waits_for_them(tmp_path: Path, study: Study) -> None:
    """Of a launch that ended before its first run did."""
    ResultsStore(tmp_path).prepare(study)
    url, _ = _serve(Server(Watched(str(tmp_path), waits=True), "127.0.0.1", 0))
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 200
    assert "no launch is training into it now" in answer.text


def test_a_search_that_is_over_is_said_to_be_one(
    tmp_path: Path, study: Study, finish: Callable[[Run], Finished]
) -> None:
    """With the command that prints its points: there is no report of test pairs."""
    store = ResultsStore(tmp_path)
    store.prepare(study)
    store.location.write("", SEARCH, b"{}")
    store.write(pack(study.name, [finish(run) for run in study.runs()]))
    url, _ = _serve(Server(Watched(str(tmp_path), waits=True), "127.0.0.1", 0))
    page = requests.get(url, timeout=10).text
    assert "A search is stored in this folder, of 4 runs so far" in page
    assert f"mnistcmp report {tmp_path}</code>" in page


@needs_browser
def test_a_page_that_is_open_shows_the_next_launch(
    store: ResultsStore, mnist: Mnist, going_on: Callable[[Progress], None]
) -> None:
    """Before and after it, it is the report's page and a line."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - for this test alone

    url, _ = _serve(Server(Watched(str(store.location), waits=True), "127.0.0.1", 0))
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 380, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(url)
        assert page.locator("#over").count() == 1
        assert page.locator("#answer").inner_text() in report_page(store, mnist)
        assert _violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 380
        going_on(_progress())
        page.wait_for_selector("#live-curves svg", timeout=20_000)
        page.wait_for_selector("#report table", timeout=20_000)
        assert page.locator("#over").count() == 0
        (Path(str(store.location)) / FILE).unlink()
        page.wait_for_selector("#over", timeout=20_000)
        assert page.locator("#live").count() == 0
        browser.close()
    assert complaints == []


def test_failures_have_their_text(
    store: ResultsStore, study: Study, going_on: Callable[[Progress], None]
) -> None:
    """Those of this launch alone, and also where that looks like a page's own."""
    (run, *_) = study.model_copy(update={"seeds": (9,)}).runs()
    error = "ValueError: <script>alert(1)</script>"
    now = datetime.now(UTC) + timedelta(seconds=5)
    gone = Failed(run=run, error=error, traceback="in f", host="far", failed_at=now)
    before = replace(gone, run=replace(run, seed=8), failed_at=NOON)
    store.write(pack("x", [gone, before]))
    going_on(_progress(failed=1))
    shown = Watched(str(store.location)).look().live
    assert shown is not None
    assert "baseline seed 9 on far: ValueError: &lt;script&gt;alert(1)" in shown
    assert "<pre>in f</pre>" in shown
    assert "<script>" not in shown
    assert "seed 8" not in shown


def test_a_driver_that_is_gone_is_told(
    store: ResultsStore, going_on: Callable[[Progress], None]
) -> None:
    """Its last account stays, and says how old it is."""
    going_on(_progress())
    watched = Watched(str(store.location))
    assert "Nothing was heard" not in str(watched.look().live)
    live = read_live(store.location)
    assert live is not None
    old = replace(live, told_at=datetime.now(UTC) - timedelta(seconds=100))
    text = live_module._adapter().dump_json(old)  # noqa: SLF001 - a driver writes it so
    (Path(str(store.location)) / FILE).write_bytes(text)
    shown = str(watched.look().live)
    assert "Nothing was heard of the launch for 1 min 40 s. If it is no longer there" in shown


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_launch_that_has_not_begun_is_waited_for(
    folder: Path,
    study: Study,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    """Which is said; with the first launch into the folder its page is there."""
    (folder / "empty").mkdir()
    threading.Timer(1.5, lambda: ResultsStore(folder / name).prepare(study)).start()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run_command(monkeypatch, "watch", name, "--no-browser", "--port", port) == 2
    printed = capsys.readouterr()
    assert printed.out == (
        f"Nothing was launched into {name} yet; waiting for that (Ctrl-C ends it).\n"
    )
    assert f"port {port} of 127.0.0.1 is in use" in printed.err


def test_runs_that_were_there_before_a_launch_are_counted(
    store: ResultsStore, study: Study, going_on: Callable[[Progress], None]
) -> None:
    """Beside the new ones; where a launch was interrupted, the page says how it goes on."""
    wider = study.model_copy(update={"seeds": (0, 1, 2)})
    store.prepare(wider)
    going_on(_progress(finished=1))
    watched = Watched(str(store.location), waits=True)
    page = str(watched.look().live)
    assert re.search(r"baseline</th><td>1 of 2</td><td>1</td>", page)
    assert re.search(r"siamese-shared-aux</th><td>0 of 2</td><td>2</td>", page)
    (Path(str(store.location)) / FILE).unlink()
    assert not watched.goes_on
    watched.refresh_report()
    ending = watched.report().partition('id="over"')[2]
    assert "was interrupted, or ended before it\nhad trained all. Launch the study again" in ending


@pytest.mark.usefixtures("folder")
def test_a_port_in_use_is_refused(
    store: ResultsStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a second watch, perhaps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        place = str(store.location)
        assert run_command(monkeypatch, "watch", place, "--no-browser", "--port", port) == 2
    assert (
        f"port {port} of 127.0.0.1 is in use, by another page perhaps: choose another with --port."
        in capsys.readouterr().err
    )


@pytest.fixture(scope="module")
def launch(
    tmp_path_factory: pytest.TempPathFactory,
) -> "Iterator[tuple[Path, subprocess.Popen[bytes], str]]":
    """A launch with --open, and the URL that its browser was given."""
    folder = tmp_path_factory.mktemp("open")
    browser, url = folder / "browser", folder / "url"
    browser.write_text(f'#!/bin/sh\necho "$1" > {url}.new && mv {url}.new {url}\n')
    browser.chmod(0o700)
    words = "launch -a baseline -a siamese-shared --seeds 4 --epochs 60 --local --open -o results"
    # Files: the page's process, which has the same, may outlive the launch for some seconds.
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "mnistcmp", *words.split()],
            cwd=folder,
            env=without_clusters() | {"BROWSER": str(browser)},
            stdout=out,
            stderr=err,
        )
    deadline = time.monotonic() + 120
    while not url.exists() and time.monotonic() < deadline:
        assert process.poll() is None, (folder / "err").read_text()
        time.sleep(0.1)
    yield folder, process, url.read_text().strip()
    process.kill()
    process.wait()


def _points(page: "Page") -> int:
    lines = page.locator("polyline.validation").all()
    return sum(len((line.get_attribute("points") or "").split()) for line in lines)


def _look(browser: "Browser", url: str, complaints: list[str], width: int, scheme: str) -> "Page":
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    page.wait_for_selector("polyline.validation", timeout=60_000)
    return page


def _violations(page: "Page") -> list[str]:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - for this test alone

    return [violation["id"] for violation in Axe().run(page).response["violations"]]


@pytest.mark.ray
@needs_browser
def test_a_launch_is_followed_in_a_browser(
    launch: "tuple[Path, subprocess.Popen[bytes], str]",
) -> None:
    """Curves grow; opened again it shows all so far; at the end it is the report's page."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - for this test alone

    folder, process, url = launch
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        wide = _look(browser, url, complaints, 1400, "light")
        first = _points(wide)
        wide.wait_for_function(
            "least => [...document.querySelectorAll('polyline.validation')]"
            ".reduce((sum, line) => sum + line.points.length, 0) > least",
            arg=first + 1,
            timeout=60_000,
        )
        grown = _points(wide)
        assert _violations(wide) == []
        assert wide.evaluate("document.documentElement.scrollWidth") == 1400
        wide.close()
        narrow = _look(browser, url, complaints, 380, "dark")
        assert _points(narrow) >= grown
        assert _violations(narrow) == []
        assert narrow.evaluate("document.documentElement.scrollWidth") == 380
        narrow.wait_for_selector("#live", state="detached", timeout=120_000)
        assert "which network compares two digits best?" in narrow.title()
        assert narrow.locator("progress").count() == 0
        browser.close()
    assert (process.wait(timeout=60), complaints) == (0, [])
    assert f"results is shown at {url}" in (folder / "err").read_text()
    assert "The page is results/report.html" in (folder / "out").read_text()
    assert not (folder / "results" / FILE).exists()
