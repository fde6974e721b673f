"""Stored weights, and what the networks say of image files."""

import dataclasses
import json
import re
import shutil
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnistcmp.data.mnist import Mnist
from mnistcmp.errors import UserError
from mnistcmp.predict.images import Digit
from mnistcmp.predict.model import answer, choose_model
from mnistcmp.provenance import environment
from mnistcmp.results.location import DamagedFileError, Location
from mnistcmp.results.outcome import Finished
from mnistcmp.results.repair import set_aside
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.tables import pack
from mnistcmp.results.weights import UNSIGNED, decode_weights
from mnistcmp.study.study import Run, Study
from mnistcmp.training.result import TrainingResult
from mnistcmp.training.training import train, train_plainly
from tests.support.commands import run_command
from tests.support.fixtures import CPU, SMALL

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _finished(run: Run, result: TrainingResult) -> Finished:
    return Finished(
        run=run,
        result=result,
        environment=environment(),
        started_at=WHEN,
        finished_at=WHEN,
    )


@pytest.fixture(scope="module")
def weighted(tmp_path_factory: pytest.TempPathFactory, mnist: Mnist) -> ResultsStore:
    """Results with weights: a network that names digits, one that does not, two seeds each."""
    study = Study(
        name="weighted",
        architectures=("baseline", "siamese-shared-aux"),
        seeds=(0, 1),
        recipes={"plain": SMALL, "softmax": SMALL.model_copy(update={"softmax": "everywhere"})},
    )
    store = ResultsStore(tmp_path_factory.mktemp("weighted") / "results")
    store.prepare(study)
    for condition in study.conditions:
        runs = [
            Run(architecture=condition.architecture, seed=seed, recipe=condition.recipe)
            for seed in study.seeds
        ]
        for run, result in zip(runs, train(runs, mnist, CPU, keep_weights=True), strict=True):
            store.write(pack(study.name, [_finished(run, result)]))
    return store


@pytest.fixture
def two(tmp_path: Path, images: NDArray[np.uint8]) -> tuple[Path, Path]:
    """Two real digits as PNG files: a 7 and a 2."""
    paths = tmp_path / "seven.png", tmp_path / "two.png"
    for path, image in zip(paths, images[:2], strict=True):
        Image.fromarray(image).save(path)
    return paths


def _digit(pixels: NDArray[np.float32]) -> Digit:
    return Digit(pixels=pixels, notes=())


def test_keeping_weights_changes_neither_result_nor_identity(mnist: Mnist) -> None:
    """Bit for bit the same numbers, and the same run."""
    run = Run(architecture="siamese-shared-aux", seed=0, recipe=SMALL)
    (with_weights,) = train([run], mnist, CPU, keep_weights=True)
    (without,) = train([run], mnist, CPU)
    assert without.weights is None
    assert with_weights.weights is not None
    assert with_weights.epochs == without.epochs
    assert with_weights.test == without.test
    assert all(np.isfinite(tensor).all() for tensor in with_weights.weights.tensors.values())


def test_plain_training_keeps_its_weights_too(mnist: Mnist) -> None:
    """Under the same names, in the same shapes."""
    run = Run(architecture="siamese-separate", seed=0, recipe=SMALL)
    plain = train_plainly(run, mnist, CPU, keep_weights=True).weights
    stacked = train([run], mnist, CPU, keep_weights=True)[0].weights
    assert plain is not None
    assert stacked is not None
    assert {n: (t.shape, t.dtype) for n, t in plain.tensors.items()} == {
        n: (t.shape, t.dtype) for n, t in stacked.tensors.items()
    }


def test_stored_weights_answer_as_the_run_did(weighted: ResultsStore, mnist: Mnist) -> None:
    """Every test pair of every run: the stored probability, and the stored digits."""
    runs = {row["run_id"]: row for row in weighted.read("runs").to_pylist()}
    assert weighted.weighted_run_ids() == set(runs)
    predictions = weighted.read("predictions").to_pandas()
    for run_id, rows in predictions.groupby("run_id"):
        weights = weighted.read_weights(str(run_id))
        assert weights.run.run_id == run_id
        for row in rows.head(10).itertuples():
            pair = (mnist.test.images[image] for image in (row.first_image, row.second_image))
            said = answer(weights, *map(_digit, pair))
            assert said.probability == pytest.approx(row.probability, abs=1e-5)
            assert (said.digits is not None) == weights.run.architecture.endswith("-aux")
            if said.digits is not None:
                named = [int(np.argmax(of_digit)) for of_digit in said.digits]
                assert named == [row.predicted_first_digit, row.predicted_second_digit]
                assert [sum(of_digit) for of_digit in said.digits] == pytest.approx([1, 1])


def test_the_documented_way_to_read_weights_works(
    weighted: ResultsStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code of docs/results.md, with a run's id in its place; each key is documented."""
    document = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
    section = document.split("## `weights`")[1]
    code = section.split("```python\n")[1].split("```")[0]
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "table1").symlink_to(weighted.location.name)
    monkeypatch.chdir(tmp_path)
    run_id = min(weighted.weighted_run_ids())
    names: dict[str, Any] = {}
    exec(code.replace("RUN_ID", run_id), names)  # noqa: S102 - our own document
    assert names["said"]["run_id"] == run_id
    assert set(names["tensors"]) == set(weighted.read_weights(run_id).tensors)
    for key in names["said"]:
        assert f"`{key}`" in section


def test_the_best_by_validation_accuracy_is_taken(weighted: ResultsStore) -> None:
    """Of all, or of those asked for; never by the test accuracy."""
    runs = weighted.read("runs").to_pandas()
    model = choose_model(weighted)
    assert model.validation_accuracy == runs["validation_accuracy"].max()
    assert model.candidates == 8
    one = choose_model(weighted, "baseline", 1)
    assert (one.weights.run.architecture, one.weights.run.seed, one.candidates) == (
        "baseline",
        1,
        2,
    )


def test_predict_says_who_answered_and_what(
    weighted: ResultsStore,
    two: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """For people and as JSON."""
    arguments = ("predict", weighted.location.name, *map(str, two), "-a", "siamese-shared-aux")
    assert run_command(monkeypatch, *arguments) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "First digit <= second digit:" in printed
    assert "the best of 4 by validation accuracy of " in printed
    assert printed.count(" shows ") == 2
    assert run_command(monkeypatch, *arguments, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["first_less_or_equal"] == (content["probability"] > 0.5)
    assert [len(image["digit_probabilities"]) for image in content["images"]] == [10, 10]
    assert content["model"]["architecture"] == "siamese-shared-aux"
    assert run_command(monkeypatch, *arguments[:4], "-a", "baseline", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["images"][0]["digit_probabilities"] is None


def test_a_folder_without_weights_says_how_to_get_some(store: ResultsStore) -> None:
    """One line; so do an architecture and a seed that are not there."""
    with pytest.raises(UserError, match=r"has no weights: .* --weights best"):
        choose_model(store)
    with pytest.raises(UserError, match="there is no results folder"):
        choose_model(ResultsStore("nowhere"))


def test_weights_that_are_not_there_are_named(weighted: ResultsStore) -> None:
    """What was asked for, and what there is."""
    with pytest.raises(
        UserError, match=r"no weights for --architecture baseline --seed 9\. It has 8"
    ):
        choose_model(weighted, "baseline", 9)
    with pytest.raises(UserError, match="unknown architecture 'basline'"):
        choose_model(weighted, "basline")


def _signed_anew(content: bytes) -> bytes:
    unsigned = re.sub(rb'"sha256":"\w+"', b'"sha256":"%s"' % UNSIGNED.encode(), content)
    return unsigned.replace(UNSIGNED.encode(), sha256(unsigned).hexdigest().encode())


@pytest.mark.parametrize("how", ["cut off", "empty", "altered", "lengthened"])
def test_damaged_weights_are_set_aside_and_their_runs_are_missing(
    how: str, weighted: ResultsStore, tmp_path: Path
) -> None:
    """With what the same task gave back, where a launch makes weights anew; else nothing is."""
    shutil.copytree(weighted.location.name, tmp_path / "x")
    store = ResultsStore(tmp_path / "x")
    path = min((tmp_path / "x" / "weights").iterdir())
    content = path.read_bytes()
    path.write_bytes({
        "cut off": content[:-20],
        "empty": b"",
        "altered": content[:-100] + bytes(8) + content[-92:],
        "lengthened": content + bytes(8),
    }[how])  # fmt: skip
    assert set_aside(store) is None
    before = store.finished_run_ids()
    told = set_aside(store, with_weights=True) or ""
    assert path.name in told
    missing = before - store.finished_run_ids()
    assert path.stem in missing
    assert all(f"{run_id}" in told for run_id in missing)
    assert told.endswith("They are trained again.")
    assert (tmp_path / "x" / "damaged" / "weights" / path.name).exists()
    assert set_aside(store, with_weights=True) is None
    assert {run.run_id for run in store.missing()} == missing


def test_no_altered_bit_of_weights_is_taken(weighted: ResultsStore) -> None:
    """Wherever it is."""
    content = min((Path(weighted.location.name) / "weights").iterdir()).read_bytes()
    for place in [*range(0, 2000, 7), *range(2000, len(content), 997)]:
        altered = bytearray(content)
        altered[place] ^= 1 << place % 8
        with pytest.raises(DamagedFileError):
            decode_weights(bytes(altered), "x")


def test_damaged_or_foreign_weights_are_refused(
    weighted: ResultsStore, tmp_path: Path, study: Study
) -> None:
    """One line that names the file."""
    folder = tmp_path / "weights"
    folder.mkdir()
    source = min((Path(weighted.location.name) / "weights").iterdir())
    whole = source.read_bytes()
    store = ResultsStore(tmp_path)
    (folder / "a.safetensors").write_bytes(whole[:-10])
    with pytest.raises(UserError, match=r"a\.safetensors: it is not a whole safetensors file"):
        store.read_weights("a")
    other_keys = whole.replace(b'\\"epochs\\"', b'\\"pochse\\"')
    (folder / "b.safetensors").write_bytes(other_keys)
    with pytest.raises(UserError, match=r"b\.safetensors: .*, or was altered\. Launch again with"):
        store.read_weights("b")
    (folder / "b.safetensors").write_bytes(_signed_anew(other_keys))
    with pytest.raises(UserError, match=r"that this mnistcmp can use; mnistcmp .* wrote it"):
        store.read_weights("b")
    weights = weighted.read_weights(source.stem)
    other = Run(architecture="siamese-separate", seed=0, recipe=study.recipe)
    blank = _digit(np.zeros((14, 14), np.float32))
    with pytest.raises(UserError, match="do not fit the network of that name"):
        answer(dataclasses.replace(weights, run=other), blank, blank)


def test_a_run_whose_row_is_missing_has_no_weights(
    tmp_path: Path, study: Study, mnist: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights are stored before the row that makes the run count."""
    run = study.runs()[0]
    (result,) = train([run], mnist, CPU, keep_weights=True)
    store = ResultsStore(tmp_path)
    store.prepare(study)

    write = Location.write

    def full(self: Location, folder: str, name: str, content: bytes) -> None:
        if folder == "runs":
            raise UserError("no space left")
        write(self, folder, name, content)

    monkeypatch.setattr(Location, "write", full)
    with pytest.raises(UserError, match="no space left"):
        store.write(pack(study.name, [_finished(run, result)]))
    assert (tmp_path / "weights" / f"{run.run_id}.safetensors").exists()
    assert store.weighted_run_ids() == set()


def test_a_run_that_diverged_has_no_weights(tmp_path: Path, mnist: Mnist) -> None:
    """Asked for it, the command says why."""
    recipe = SMALL.model_copy(update={"learning_rate": 1e30})
    study = Study(name="exploding", architectures=("baseline",), seeds=(0,), recipe=recipe)
    store = ResultsStore(tmp_path)
    store.prepare(study)
    (run,) = study.runs()
    store.write(pack(study.name, [_finished(run, train([run], mnist, CPU, keep_weights=True)[0])]))
    with pytest.raises(UserError, match=r"has no weights: .* Runs that diverged \(1\) have none"):
        choose_model(store)


def test_weights_too_large_to_answer_with_are_named(weighted: ResultsStore, mnist: Mnist) -> None:
    """No answer is not a number."""
    weights = choose_model(weighted).weights
    tensors = {
        name: np.multiply(tensor, np.float32(1e30)) for name, tensor in weights.tensors.items()
    }
    digits = [_digit(image) for image in mnist.test.images[:2]]
    with pytest.raises(UserError, match="computes no finite number for these images"):
        answer(dataclasses.replace(weights, tensors=tensors), *digits)
