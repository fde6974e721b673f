"""What programs write: a job's request and note, events, a launch's account, a search's points."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, RootModel

from mnistcmp.cluster.address import STATE_FOLDER, ClusterState
from mnistcmp.cluster.answers import (
    JobAnswer,
    JobsAnswer,
    LogAnswer,
    NodesAnswer,
    VersionAnswer,
    WrongAnswerError,
    read,
)
from mnistcmp.cluster.claim import Process
from mnistcmp.cluster.events import (
    PREFIX,
    ConditionProgress,
    Ended,
    Event,
    InTraining,
    Progress,
    Refused,
    Reported,
    Started,
    from_line,
    to_json,
    to_line,
)
from mnistcmp.cluster.jobs import to_job
from mnistcmp.cluster.keeping import Kept, _read
from mnistcmp.cluster.launch import Launch
from mnistcmp.cluster.live import FILE, Curve, Live, Point, Spread, _adapter, read_live
from mnistcmp.cluster.placement import Node
from mnistcmp.cluster.work import read_work
from mnistcmp.errors import UserError
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.named import TABLE1
from mnistcmp.study.recipe import Recipe
from mnistcmp.tune.folder import _JSON as _POINT
from mnistcmp.tune.folder import PointOutcome, read_points
from mnistcmp.watch.state import Watched
from tests.fuzz.inputs import as_json, changed, mangled, reads

KINDS = {"launch": "mnistcmp.cluster.launch:Launch", "search": "mnistcmp.tune.search:Search"}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SPREAD = Spread(mean=0.5, low=0.4, high=0.6)
PROGRESS = Progress(
    total=10,
    workers=2,
    running=2,
    conditions=(ConditionProgress(condition="baseline", total=10, finished=2, mean=0.8),),
    finished=2,
    share=0.2,
    training=(
        InTraining(
            condition="baseline",
            seeds=(2, 3),
            host="here",
            device="cpu",
            epoch=4,
            epochs=150,
            train=(0.5, 0.6),
            validation=(0.5, 0.7),
        ),
    ),
    elapsed=12.5,
    left=50.0,
    latest=Ended(condition="baseline", seed=1, accuracy=0.8),
    ended=(Ended(condition="baseline", seed=0, error="ValueError: x"),),
)
LIVE = Live(
    started_at=NOW,
    told_at=NOW,
    process=Process(host="elsewhere", namespace="", number=1, job=None),
    place="this machine",
    progress=PROGRESS,
    curves=(
        Curve(
            condition="baseline",
            seeds=(2, 3),
            epochs=150,
            points=(Point(epoch=4, train=SPREAD, validation=SPREAD),),
        ),
    ),
)
EVENTS: list[Event] = [
    PROGRESS,
    Started(place="here", cpus=2, gpus=0, output="results/x", total=10, kept=0),
    Reported(output="results/x", trained=3, report=None, failed=PROGRESS.ended),
    Refused(message="no"),
]
REQUEST = json.loads(Launch(study=TABLE1, weights="best", budget=60.0).to_json())
POINT = PointOutcome(
    name="lr 0.1", recipe=Recipe(), state="finished", seeds=(0, 1), epochs=150, score=0.9
)
BROKEN = [b"[" * 3000, b"9" * 5000, b"\x00", b"\xff", b"NaN", b"\\ud800", b"1e999"]


def _json_or_not(document: object) -> st.SearchStrategy[bytes]:
    return changed(document).map(
        lambda made: as_json(made).encode(errors="surrogatepass")
    ) | mangled(as_json(document).encode(), BROKEN)


@given(_json_or_not(REQUEST).map(lambda content: content.decode(errors="replace")))
@example("[" * 100_000)
@example('{"kind": []}')
@example('{"kind": {"launch": 1}}')
@example('{"study": {"name": "x"}, "budget": Infinity}')
@example('{"study": {"name": "x"}, "seeds": ' + "9" * 5000 + "}")
@example('{"kind": "search", "study": {"name": "x"}, "seeds": "3", "dimensions": [{"field": 1}]}')
def test_a_job_s_request(text: str) -> None:
    """It is work that can be written down again."""
    work = reads(lambda: read_work(text, KINDS))
    if work is not None:
        assert read_work(work.to_json(), KINDS) == work


@given(
    st.sampled_from(EVENTS)
    .flatmap(lambda event: _json_or_not(json.loads(to_json(event))))
    .map(lambda content: content.decode(errors="replace"))
)
@example("[" * 100_000)
@example('{"kind": []}')
@example('{"kind": "refused", "message": 5}')
def test_a_line_of_a_job_s_log(text: str) -> None:
    """An event, which is told on as it came, or none."""
    event = reads(lambda: from_line(f"(pid=1) {PREFIX}{text}"))
    if event is not None:
        assert from_line(to_line(event)) == event


JOB = {
    "submission_id": "x-1",
    "status": "RUNNING",
    "metadata": {"mnistcmp_output": "x"},
    "start_time": 1_767_000_000_000,
    "end_time": None,
    "message": "",
}
NODE = {"state": "ALIVE", "node_name": "x", "resources_total": {"CPU": 2.0}, "labels": {"a": "b"}}
ANSWERS: list[tuple[type[BaseModel], object]] = [
    (VersionAnswer, {"ray_version": "2.60.0"}),
    (NodesAnswer, {"data": {"result": {"result": [NODE]}}}),
    (JobsAnswer, [JOB]),
    (JobAnswer, JOB),
    (LogAnswer, {"logs": "line\n"}),
]


def _answered(kind: type[BaseModel], content: bytes) -> BaseModel:
    """As a client, which says whose answer it was."""
    try:
        return read(kind, content)
    except WrongAnswerError as error:
        raise UserError(str(error)) from error


@given(
    st.sampled_from(ANSWERS).flatmap(
        lambda answer: st.tuples(st.just(answer[0]), _json_or_not(answer[1]))
    )
)
@example((NodesAnswer, b'{"data": []}'))
@example((JobsAnswer, b"[" * 100_000))
@example((JobAnswer, as_json(JOB | {"start_time": 10**30}).encode()))
@example((JobAnswer, as_json(JOB | {"metadata": {"mnistcmp_output": [1]}}).encode()))
def test_a_dashboard_s_answer(answer: tuple[type[BaseModel], bytes]) -> None:
    """Jobs with their times, and nodes with what they have for tasks."""
    kind, content = answer
    found = reads(lambda: _answered(kind, content))
    if isinstance(found, NodesAnswer):
        assert all(Node.of(node.resources_total or {}).cpus >= 0 for node in found.nodes)
    for each in found.root if isinstance(found, RootModel) else [found]:
        job = to_job(each) if isinstance(each, JobAnswer) else None
        assert job is None or isinstance(job.output, str)


@pytest.fixture(scope="module")
def launched(scratch: Path) -> ResultsStore:
    """A folder that was launched into."""
    store = ResultsStore(scratch / "results")
    store.prepare(TABLE1)
    return store


@given(_json_or_not(json.loads(_adapter().dump_json(LIVE))))
@example(_adapter().dump_json(replace(LIVE, told_at=NOW.replace(year=3026))))
@example(_adapter().dump_json(replace(LIVE, progress=replace(PROGRESS, conditions=()))))
def test_a_launch_s_account_of_itself(launched: ResultsStore, content: bytes) -> None:
    """The page that follows it is drawn, whatever it tells."""
    launched.location.write("", FILE, content)
    live = reads(lambda: read_live(launched.location))
    if live is not None:
        shown = reads(lambda: Watched(str(launched.location)).look())
        assert shown is not None
        assert shown.live is not None
        assert live.is_gone


@given(_json_or_not(json.loads(json.dumps({
    "address": "http://127.0.0.1:8265", "kind": "processes", "results": "/x", "results_there": "/y",
    "workers": 2, "worker_cpus": 1, "gpus": 0, "details": {"a": 1},
}))))  # fmt: skip
@example(b"[" * 100_000)
@example(b"[]")
def test_what_a_cluster_s_start_wrote_down(scratch: Path, content: bytes) -> None:
    """What is read has the types that it says."""
    folder = scratch / "up"
    folder.mkdir(exist_ok=True)
    (folder / STATE_FOLDER).mkdir(exist_ok=True)
    (folder / STATE_FOLDER / "state.json").write_bytes(content)
    state = reads(lambda: ClusterState.read(folder))
    if state is not None:
        assert isinstance(state.address, str)
        assert state.shared.there == state.results_there


@given(
    _json_or_not(
        {
            "id": "x",
            "request": "{}",
            "output": "o",
            "has_files": True,
            "times": 1,
            "stopped_at": 5.0,
        }
    )
)
@example(as_json({"id": "../x", "request": "{}", "output": "o", "has_files": True}).encode())
@example(b"[" * 100_000)
def test_a_job_s_note(scratch: Path, content: bytes) -> None:
    """It names no file but its own, since that and what is beside it are deleted by its name."""
    file = scratch / "x.json"
    file.write_bytes(content)
    kept = reads(lambda: _read(file))
    assert kept is None or (isinstance(kept, Kept) and kept.id == "x")


@given(_json_or_not(json.loads(_POINT.dump_json(POINT))))
def test_a_point_of_a_search(launched: ResultsStore, content: bytes) -> None:
    """Its score is one."""
    launched.location.make_folders(("points",))
    launched.location.write("points", "x.json", content)
    points = reads(lambda: read_points(launched))
    assert points is None or all(0 <= point.score <= 1 for point in points.values())
