"""A training that goes on from a checkpoint gives the results of one that was never disturbed."""

import random
from pathlib import Path

import pytest

from mnistcmp.data.mnist import Mnist
from mnistcmp.networks.architectures import ARCHITECTURES
from mnistcmp.study.recipe import RECIPES, Recipe
from mnistcmp.study.study import Run
from mnistcmp.training.planning import is_stackable
from mnistcmp.training.result import TrainingResult
from mnistcmp.training.training import Training
from tests.support.custom_networks import RIGHT
from tests.support.fixtures import CPU, SMALL

VARIED: dict[str, dict[str, object]] = {
    "report": {},
    "plain": RECIPES["plain"].changes(),
    "one-cycle": {"optimizer": "adamw", "schedule": "one-cycle", "weight_decay": 0.01},
    "augmented": {"augmentation": "affine"},
    "two rounds": {"rounds": 2, "tested_epoch": "last"},
}
COUNTING = """
from torch import nn

class Counting(nn.Linear):
    def __init__(self):
        super().__init__(392, 2)
        self.batches = 0

    def forward(self, pairs):
        self.batches += self.training
        return super().forward(pairs.flatten(1)) * (1 + 0.01 * self.batches)
"""


def _runs(architecture: str, *seeds: int, **changes: object) -> list[Run]:
    recipe = Recipe.model_validate(SMALL.model_dump() | {"epochs": 3} | changes)
    return [Run(architecture=architecture, seed=seed, recipe=recipe) for seed in seeds]


def _bits(results: list[TrainingResult]) -> list[tuple[object, ...]]:
    """All of the results but their times."""
    return [
        (
            result.epochs,
            result.diverged_epoch,
            [(part.best_epoch, part.test) for part in result.rounds],
            [
                part.predictions.probabilities.tobytes()
                for part in result.rounds
                if part.predictions
            ],
            result.weights and {k: v.tobytes() for k, v in result.weights.tensors.items()},
        )
        for result in results
    ]


def _trained(runs: list[Run], mnist: Mnist, epochs: int, *, plainly: bool = False) -> Training:
    training = Training(runs, mnist, CPU, keep_weights=True, plainly=plainly)
    for _ in range(epochs):
        training.epoch()
    return training


def _goes_on_alike(runs: list[Run], mnist: Mnist, *, plainly: bool = False) -> None:
    recipe = runs[0].recipe
    epoch = random.Random(str(runs)).randrange(1, recipe.rounds * recipe.epochs)  # noqa: S311
    first = _trained(runs, mnist, epoch, plainly=plainly)
    checkpoint = first.checkpoint()
    assert checkpoint is not None
    second = Training(runs, mnist, CPU, keep_weights=True, plainly=plainly)
    assert second.resume(checkpoint)
    assert second.epochs_done == epoch
    assert _bits(second.to_the_end()) == _bits(first.to_the_end())


@pytest.mark.parametrize("varied", VARIED)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_run_goes_on_alike(architecture: str, varied: str, mnist: Mnist) -> None:
    """From a random epoch on, every bit is as it would have been."""
    _goes_on_alike(_runs(architecture, 5, **VARIED[varied]), mnist, plainly=True)


@pytest.mark.parametrize("varied", VARIED)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_stack_goes_on_alike(architecture: str, varied: str, mnist: Mnist) -> None:
    """Runs that are trained together go on together."""
    runs = _runs(architecture, 5, 6, **VARIED[varied])
    if is_stackable(architecture, runs[0].recipe):
        _goes_on_alike(runs, mnist)


@pytest.mark.parametrize("name", ["Digits", "plain", "Recurrent", "Short"])
def test_a_custom_network_goes_on_alike(name: str, custom_folder: Path, mnist: Mnist) -> None:
    """With its buffers, and dropout masks from torch's own generator."""
    (custom_folder / "mynets.py").write_text(RIGHT, encoding="utf-8")
    _goes_on_alike(_runs(f"mynets:{name}", 5), mnist)


def test_a_network_that_keeps_more_has_no_checkpoint(custom_folder: Path, mnist: Mnist) -> None:
    """What it counts beside its buffers would be lost, and its results would be others."""
    (custom_folder / "counting.py").write_text(COUNTING, encoding="utf-8")
    assert _trained(_runs("counting:Counting", 5), mnist, 1).checkpoint() is None


def test_diverged_runs_of_a_stack_stay_so(mnist: Mnist) -> None:
    """The others go on."""
    runs = _runs("siamese-shared-aux", 5, 6)
    first = _trained(runs, mnist, 1)
    first._diverged[0] = 1  # noqa: SLF001 - no recipe makes one of two runs diverge at will
    second = Training(runs, mnist, CPU)
    assert second.resume(first.checkpoint() or b"")
    assert [result.diverged_epoch for result in second.to_the_end()] == [1, None]


def test_what_is_no_checkpoint_of_these_runs_is_not_used(mnist: Mnist) -> None:
    """Of others, cut off, altered or empty: the training begins anew."""
    runs = _runs("baseline", 5)
    checkpoint = _trained(runs, mnist, 1).checkpoint()
    assert checkpoint is not None
    for runs_now, content in [
        (_runs("baseline", 6), checkpoint),
        (_runs("baseline", 5, epochs=4), checkpoint),
        (runs, checkpoint[: len(checkpoint) // 2]),
        (runs, b""),
        (runs, b"cos\nsystem\n(S'touch harmed'\ntR."),
    ]:
        training = Training(runs_now, mnist, CPU)
        assert not training.resume(content)
        assert training.epochs_done == 0
