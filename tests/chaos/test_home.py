"""Faults of launches on this machine: launched again, each trains what is missing, no more."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.chaos.conftest import Record
from tests.chaos.injection import STUDIES, Disturbed, Fault, Launch, wish
from tests.chaos.study import LAUNCH, Metrics, write_study
from tests.support.clusters import INTERRUPTIBLE
from tests.support.commands import without_clusters
from tests.support.servers import start_s3_server

pytestmark = pytest.mark.chaos

DISK = 160 * 2**20
"""Bytes of the disk that fills up."""
AWAY = 8.0
"""Seconds for which something is full, or fails."""
SHIFTED = Path(__file__).with_name("clock.c")


def _kill_everything(launch: Launch) -> None:
    """The launch and all that it started."""
    tree = [psutil.Process(launch.pid), *psutil.Process(launch.pid).children(recursive=True)]
    for process in tree:
        process.kill()


def _kill_a_worker(launch: Launch) -> None:
    while launch.poll() is None:
        for process in psutil.Process(launch.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if process.name().startswith("ray::_train"):
                    process.kill()
                    return
        time.sleep(0.1)


def _fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(2**16))
        except OSError:
            time.sleep(AWAY)
    (disk / "filler").unlink()


def _fail(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGUSR1)
    time.sleep(AWAY)
    server.send_signal(signal.SIGUSR1)


KILLED = Fault(name="kill -9 of everything", happens=_kill_everything, status=-signal.SIGKILL)


def _faults(folder: Path) -> list[Fault]:
    """Those that happen whatever the results are stored in."""
    faults = [
        KILLED,
        Fault(name="kill -9 of a worker", happens=_kill_a_worker),
        Fault(name="Ctrl-C", happens=lambda launch: launch.send_signal(signal.SIGINT), status=130),
        Fault(name="SIGTERM", happens=lambda launch: launch.terminate(), status=130),
        Fault(name="a run raises", happens=wish(folder, "raise"), status=1),
        Fault(name="a run hangs", happens=wish(folder, "hang"), status=1, longest=100),
        Fault(name="a run returns NaN", happens=wish(folder, "nan")),
    ]
    clock, library = folder / "clock", folder / "clock.so"
    compile_it = "cc", "-shared", "-fPIC", "-o", str(library), str(SHIFTED), "-ldl"
    if shutil.which("cc") and not subprocess.run(compile_it, check=False).returncode:
        back = Fault(
            name="the clock is set back by an hour",
            happens=lambda _: clock.write_text("-3600", encoding="ascii"),
            environment={"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(clock)},
        )
        faults.append(back)
    return faults


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = "mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - as above


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> "Iterator[tuple[str, subprocess.Popen[bytes]]]":
    """An output in an object store, and its server."""
    server, process = start_s3_server()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield f"s3://{server.make_bucket()}/results", process
    process.terminate()
    process.wait()


def _disturb(
    place: str, study: int, folder: Path, output: str, faults: Sequence[Fault]
) -> Disturbed:
    """Trains a study in spite of everything."""
    write_study(folder)

    def start(needed: Mapping[str, str], _: int | None) -> Launch:
        return subprocess.Popen(
            [*INTERRUPTIBLE, *LAUNCH, "--local", "--output", output],
            cwd=folder,
            env=without_clusters() | {**needed} | {"CHAOS_WISHES": str(folder)},
            stdout=subprocess.PIPE,
            text=True,
        )

    disturbed = Disturbed(place, study, output, faults, start)
    disturbed.train()
    return disturbed


@pytest.mark.parametrize("study", STUDIES[::2])
def test_nothing_is_lost_in_a_folder(
    study: int, tmp_path: Path, disk: Path, undisturbed: Metrics, record: Record
) -> None:
    """Every run is there once, with the same numbers, however often it was launched."""
    output = str(disk / "results")
    full = Fault(name="the disk is full for 8 s", happens=lambda _: _fill(disk))
    disturbed = _disturb("here, in a folder", study, tmp_path, output, [full, *_faults(tmp_path)])
    record(found := disturbed.outcome(undisturbed))
    disturbed.check(found)


@pytest.mark.parametrize("study", STUDIES[1::2] or STUDIES)
def test_nothing_is_lost_in_an_object_store(
    study: int,
    tmp_path: Path,
    store: "tuple[str, subprocess.Popen[bytes]]",
    undisturbed: Metrics,
    record: Record,
) -> None:
    """As in a folder."""
    output, process = store
    fails = Fault(name="the store fails for 8 s", happens=lambda _: _fail(process))
    disturbed = _disturb("here, into S3", study, tmp_path, output, [fails, *_faults(tmp_path)])
    record(found := disturbed.outcome(undisturbed))
    disturbed.check(found)


@pytest.mark.parametrize("study", STUDIES[::2])
def test_a_launch_that_is_killed_again_and_again_goes_on(
    study: int, tmp_path: Path, undisturbed: Metrics, record: Record
) -> None:
    """Each launch after it trains what is missing, and no more."""
    output = str(tmp_path / "results")
    disturbed = _disturb("here, killed again", study, tmp_path, output, [KILLED])
    record(found := disturbed.outcome(undisturbed))
    disturbed.check(found)
