"""Rules that stop points, in searches that are replayed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnistcmp.bench.search import replay
from mnistcmp.errors import UserError
from mnistcmp.results.outcome import Finished
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.study.study import Run, Study
from mnistcmp.training.result import Epochs
from mnistcmp.tune.folder import SearchFolder
from mnistcmp.tune.rules import Step
from mnistcmp.tune.search import plan_search
from tests.support.commands import run_command
from tests.support.fixtures import SMALL

EPOCHS = 9
Made = Callable[[Callable[[float, int], float]], ResultsStore]


@pytest.fixture
def made(tmp_path: Path, study: Study, finish: Callable[[Run], Finished]) -> Made:
    """A search of three learning rates and twenty seeds, whose accuracies are made up."""

    def make(accuracy: Callable[[float, int], float]) -> ResultsStore:
        base = Study(
            name="pilot",
            architectures=("baseline",),
            seeds=20,
            recipe=SMALL.model_copy(update={"epochs": EPOCHS}),
        )
        search = plan_search(base, grids=["lr=0.1,0.2,0.3"])
        store = ResultsStore(tmp_path / "pilot")
        folder = SearchFolder(search, store)
        folder.prepare(search.points())
        done = finish(study.runs()[0])
        for point in search.points():
            for run in search.runs(point.recipe):
                scores = np.full((EPOCHS, 4), accuracy(run.recipe.learning_rate, run.seed))
                (only,) = done.result.rounds
                only = replace(only, test=None, predictions=None, best_epoch=EPOCHS)
                result = replace(done.result, epochs=Epochs(scores), rounds=(only,))
                store.write(pack(search.name, [replace(done, run=run, result=result)]))
            folder.write(point, "finished", Step(seeds=search.seeds), 0.5)
        return store

    return make


def test_a_race_stops_what_is_clearly_worse_and_keeps_the_choice(made: Made) -> None:
    """Seeds differ far more than points do; unpaired tests see nothing of it."""

    def accuracy(rate: float, seed: int) -> float:
        return 0.5 + 0.02 * seed + 0.01 * (rate == 0.2) + 0.0001 * ((7 * seed * rate * 10) % 5)

    race, _, unpaired, wilcoxon, _ = replay(made(accuracy), repetitions=20)
    assert (race.kept, race.kept_or_tied, race.lost) == (100, 100, 0)
    assert race.saved == pytest.approx(100 * 2 * 7 / 30)
    assert unpaired.saved == 0
    assert wilcoxon.saved == pytest.approx(100 * 2 * 5 / 30)


def test_points_that_are_alike_are_trained_whole(made: Made) -> None:
    """And which of them is chosen does not matter: it ties."""
    race, *_, asha = replay(made(lambda _, seed: 0.5 + 0.02 * seed), repetitions=5)
    assert (race.saved, race.kept, race.kept_or_tied) == (0, 100, 100)
    assert asha.kept_or_tied == 100


def test_the_command_replays_a_search(
    made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same numbers each time; nothing but a whole search will do."""
    store = made(lambda rate, seed: 0.5 + rate / 10 + 0.01 * seed)
    command = "bench", "search", "--repetitions", "10", "--json", "--pilot", str(store.location)
    found = []
    for _ in range(2):
        assert run_command(monkeypatch, *command) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1]
    rows = json.loads(found[0])["search"]["rows"]
    assert [row["rule"] for row in rows][::4] == ["--race: paired t, 5%", "--asha"]
    assert run_command(monkeypatch, "bench", "search") == 2
    assert "'bench search' replays a search. Train one: mnistcmp tune" in capsys.readouterr().err
    next((Path(str(store.location)) / "runs").glob("*.parquet")).unlink()
    with pytest.raises(UserError, match="has points that were not trained to one and the same"):
        replay(store, repetitions=10)
