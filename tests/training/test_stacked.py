"""The stacked engine: the same training as the plain one, whoever shares the stack."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mnistcmp.data.mnist import Digits, Mnist
from mnistcmp.data.pairs import draw_pair_sets
from mnistcmp.networks.architectures import ARCHITECTURES
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run
from mnistcmp.training.engine import Engine, Scores
from mnistcmp.training.plain import PlainEngine
from mnistcmp.training.planning import is_stackable
from mnistcmp.training.result import TrainingResult
from mnistcmp.training.stacked import compiled
from mnistcmp.training.stacked.engine import StackedEngine
from mnistcmp.training.training import train, train_plainly
from tests.support.fixtures import CPU, REPORTED, SMALL

VARIANTS: dict[str, dict[str, object]] = {
    "default": {},
    "softmax everywhere": {"softmax": "everywhere"},
    "softmax nowhere": {"softmax": "nowhere"},
    "softmax on branches": {"softmax": "branches-only"},
    "softmax on head": {"softmax": "head-only"},
    "tanh": {"activation": "tanh"},
    "batch norm before": {"batch_norm": "before"},
    "no batch norm": {"batch_norm": "none"},
    "no dropout": {"branch_dropout": (0.0, 0.0), "head_dropout": (0.0, 0.0)},
    "dropout everywhere": {"conv_dropout": 0.3, "branch_dropout": (0.5, 0.5)},
    "AdamW, one cycle": {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "one-cycle"},
    "smooth labels": {"label_smoothing": 0.1, "comparison_weight": 0.5},
    "one order": {"shuffle": False},
    "light auxiliary loss": {"auxiliary_weight": 0.25, "learning_rate": 0.01},
}
"""Each changes another field of the recipe that shapes a step."""


def _recipe(**changes: object) -> Recipe:
    """One epoch of three steps, the last one smaller."""
    base: dict[str, object] = {"epochs": 1, "train_pairs": 50, "test_pairs": 20, "batch_size": 16}
    return Recipe.model_validate(base | changes)


def _runs(architecture: str, seeds: range, recipe: Recipe) -> list[Run]:
    return [Run(architecture=architecture, seed=seed, recipe=recipe) for seed in seeds]


@pytest.fixture
def double() -> Iterator[None]:
    """In double precision the two ways differ by rounding that no ReLU or pooling can turn over."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def _train_an_epoch(engine: Engine, runs: list[Run], mnist: Mnist) -> Scores:
    sets = [draw_pair_sets(mnist, run.seed, run.recipe).train for run in runs]
    for pairs in sets:
        object.__setattr__(pairs, "inputs", pairs.inputs.double())
    return engine.train_epoch(engine.stack(sets), 0)


def _doubled(digits: Digits) -> Digits:
    return Digits(images=digits.images.astype(np.float64), labels=digits.labels)


def _largest_difference(state: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    assert state.keys() == expected.keys() - counters
    return max(float((value - expected[name]).abs().max()) for name, value in state.items())


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("architecture", REPORTED)
def test_a_stack_trains_as_its_runs_do_plainly(
    architecture: str, variant: str, mnist: Mnist
) -> None:
    """Three steps: losses, answers, weights (so gradients) and running statistics agree."""
    runs = _runs(architecture, range(2), _recipe(**VARIANTS[variant]))
    stacked = StackedEngine(runs, CPU)
    scores = _train_an_epoch(stacked, runs, mnist)
    for number, run in enumerate(runs):
        plain = PlainEngine(run, CPU)
        expected = _train_an_epoch(plain, [run], mnist)
        assert float(scores.losses[number]) == pytest.approx(float(expected.losses), abs=1e-9)
        assert int(scores.correct[number]) == int(expected.correct)
        assert _largest_difference(stacked.state(number), plain.state(0)) < 1e-6


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("architecture", REPORTED)
def test_a_stack_trains_as_well_by_torch_alone(
    architecture: str, mnist: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, and where Numba is missing."""
    monkeypatch.setattr(compiled, "numba", None)
    runs = _runs(architecture, range(2), _recipe(**VARIANTS["dropout everywhere"]))
    stacked = StackedEngine(runs, CPU)
    _train_an_epoch(stacked, runs, mnist)
    monkeypatch.undo()
    for number, run in enumerate(runs):
        plain = PlainEngine(run, CPU)
        _train_an_epoch(plain, [run], mnist)
        assert _largest_difference(stacked.state(number), plain.state(0)) < 1e-6


@pytest.mark.usefixtures("double")
def test_training_by_torch_alone_comes_to_the_same(
    mnist: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epochs, rounds, best weights and test, to rounding."""
    recipe = _recipe(rounds=2, epochs=2)
    runs = _runs("siamese-separate-aux", range(2), recipe)
    exact = Mnist(train=_doubled(mnist.train), test=_doubled(mnist.test))
    compiled_results = train(runs, exact, CPU)
    monkeypatch.setattr(compiled, "numba", None)
    for alone, result in zip(train(runs, exact, CPU), compiled_results, strict=True):
        for epoch, expected in zip(alone.epochs, result.epochs, strict=True):
            assert epoch.validation.loss == pytest.approx(expected.validation.loss, rel=1e-6)
        assert alone.predictions.probabilities == pytest.approx(
            result.predictions.probabilities, abs=1e-6
        )


@pytest.mark.parametrize("architecture", REPORTED)
def test_the_first_step_agrees_in_single_precision(architecture: str, mnist: Mnist) -> None:
    """As studies are trained: loss and running statistics to rounding."""
    (run,) = _runs(architecture, range(1), _recipe(train_pairs=40, batch_size=32))
    stacked, plain = StackedEngine([run], CPU), PlainEngine(run, CPU)
    pairs = [draw_pair_sets(mnist, run.seed, run.recipe).train]
    scores = [engine.train_epoch(engine.stack(pairs), 0) for engine in (stacked, plain)]
    assert float(scores[0].losses) == pytest.approx(float(scores[1].losses), rel=1e-5)
    expected = plain.state(0)
    for name, value in stacked.state(0).items():
        if "running" in name:
            torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5)


def _numbers(result: TrainingResult) -> tuple[object, ...]:
    predictions = result.predictions
    named = predictions.predicted_digits
    answers = predictions.probabilities.tobytes(), None if named is None else named.tobytes()
    return result.epochs, result.best_epoch, result.test, answers


@pytest.mark.parametrize("variant", ["default", "softmax everywhere", "tanh", "dropout everywhere"])
@pytest.mark.parametrize("architecture", REPORTED)
def test_a_result_does_not_depend_on_the_stack(
    architecture: str, variant: str, mnist: Mnist
) -> None:
    """Alone, in a stack of three and in one of ten, at any place in it: bit for bit the same."""
    recipe = _recipe(epochs=2, **VARIANTS[variant])
    runs = _runs(architecture, range(10), recipe)
    of_ten = [_numbers(result) for result in train(runs, mnist, CPU)]
    of_three = train([runs[9], runs[0], runs[4]], mnist, CPU)
    assert [_numbers(result) for result in of_three] == [of_ten[9], of_ten[0], of_ten[4]]
    for run in (0, 9):
        assert _numbers(train([runs[run]], mnist, CPU)[0]) == of_ten[run]


@pytest.mark.parametrize("architecture", ["baseline", "siamese-shared-aux"])
def test_stacked_and_plain_training_learn_the_same(architecture: str, mnist: Mnist) -> None:
    """Rounding grows over the steps, so accuracies agree in the mean, not bit by bit."""
    runs = _runs(architecture, range(2), Recipe(epochs=3))
    stacked = [result.test.accuracy for result in train(runs, mnist, CPU)]
    plain = [train_plainly(run, mnist, CPU).test.accuracy for run in runs]
    assert np.mean(stacked) == pytest.approx(np.mean(plain), abs=0.04)


def test_runs_of_two_kinds_are_no_stack(mnist: Mnist) -> None:
    """Only one architecture and recipe at a time."""
    runs = [*_runs("baseline", range(1), SMALL), *_runs("siamese-shared", range(1), SMALL)]
    with pytest.raises(ValueError, match="one architecture and one recipe"):
        train(runs, mnist, CPU)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_engine_knows_which_architectures_it_can_stack(architecture: str) -> None:
    """It stacks those that it says, and has no layers for the others."""
    runs = _runs(architecture, range(2), SMALL)
    if is_stackable(architecture, SMALL):
        assert StackedEngine(runs, CPU).parameters == PlainEngine(runs[0], CPU).parameters
    else:
        with pytest.raises(NotImplementedError, match="not one of the report's"):
            StackedEngine(runs, CPU)


@pytest.mark.parametrize("changes", [{"augmentation": "affine"}, {"precision": "bf16"}])
def test_recipes_that_change_images_or_precision_are_not_stacked(changes: dict[str, Any]) -> None:
    """Whatever the architecture; custom networks are not stacked under any recipe."""
    assert is_stackable("baseline", SMALL)
    assert not is_stackable("baseline", SMALL.model_copy(update=changes))
    assert not is_stackable("mypackage.nets:MyNet", SMALL)
