"""Runs whose loss is no longer finite."""

import math
from pathlib import Path

import pytest

from mnistcmp.data.mnist import Mnist
from mnistcmp.errors import UserError
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run
from mnistcmp.training.check import check_network
from mnistcmp.training.training import Training, train, train_plainly
from tests.support.fixtures import CPU, SMALL

BREAKING = """
import torch
from torch import nn

class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(392, 2)
        self.batches = 0

    def forward(self, pairs):
        self.batches += self.training
        wrong = torch.nan if self.breaks(len(pairs)) else 0.0
        answer = self.linear(pairs.flatten(1))
        if not isinstance(self, Digits):
            return answer + wrong
        digits = answer.repeat(1, 5)
        return answer, (digits + wrong, digits)

class Validation(Own):
    def breaks(self, pairs):
        return not self.training

class Test(Own):
    def breaks(self, pairs):
        return not self.training and pairs == 40

class Later(Own):
    def breaks(self, pairs):
        return self.batches > 4

class Digits(Later):
    pass

class Huge(Later):
    def breaks(self, pairs):
        if self.batches > 4:
            self.linear.bias.data[:] = 1e38 * torch.tensor([4.0, -4.0])
"""


def _runs(*seeds: int, name: str = "siamese-shared-aux", rate: float = 1e30) -> list[Run]:
    recipe = SMALL.model_copy(update={"epochs": 4, "learning_rate": rate})
    return [Run(architecture=name, seed=seed, recipe=recipe) for seed in seeds]


def test_a_run_whose_loss_is_no_longer_finite_has_diverged(mnist: Mnist) -> None:
    """In both engines: it has no epoch, no test and no weights."""
    for result in (
        *train(_runs(0), mnist, CPU, keep_weights=True),
        train_plainly(_runs(0)[0], mnist, CPU, keep_weights=True),
    ):
        assert result.diverged_epoch == 1
        assert (len(result.epochs), result.rounds, result.weights) == (0, (), None)
        assert not result.tested


def test_a_stack_goes_on_without_the_runs_that_diverged(mnist: Mnist) -> None:
    """Runs are what they are alone, one of each that diverges at once, later or never."""
    # So many that some do on any processor: which ones it is, is a matter of rounding.
    runs = _runs(*range(30), rate=6e7)
    together = train(runs, mnist, CPU, keep_weights=True)
    one_of_each = {result.diverged_epoch: number for number, result in enumerate(together)}
    assert one_of_each.keys() > {None, 1}
    for number in one_of_each.values():
        result = together[number]
        (alone,) = train([runs[number]], mnist, CPU)
        assert (result.diverged_epoch, result.epochs) == (alone.diverged_epoch, alone.epochs)
        assert len(result.epochs) == (result.diverged_epoch or 5) - 1
        assert all(math.isfinite(loss) for epoch in result.epochs for loss, _ in epoch)
        assert result.tested == (result.weights is not None) == (result.diverged_epoch is None)


def test_a_training_ends_when_all_of_its_runs_have_diverged(mnist: Mnist) -> None:
    """A search reads 0 of them; asked for another epoch, it trains none."""
    training = Training(_runs(0, 1), mnist, CPU)
    training.epoch()
    assert training.done
    training.epoch()
    assert training.validation_accuracies.tolist() == [0, 0]
    assert [result.diverged_epoch for result in training.results()] == [1, 1]


@pytest.mark.parametrize(
    ("network", "epoch"),
    [("Validation", 1), ("Test", 4), ("Later", 2), ("Digits", 2), ("Huge", 2)],
)
def test_a_loss_may_break_anywhere(
    network: str, epoch: int, mnist: Mnist, custom_folder: Path
) -> None:
    """On validation or test pairs, in a later epoch, by the digits' loss alone, by infinity."""
    (custom_folder / "breaking.py").write_text(BREAKING, encoding="utf-8")
    (result,) = train(_runs(0, name=f"breaking:{network}", rate=1e-3), mnist, CPU)
    assert result.diverged_epoch == epoch
    assert len(result.epochs) == epoch - 1
    assert all(math.isfinite(loss) for epoch in result.epochs for loss, _ in epoch)
    assert not result.rounds


def test_a_network_that_is_not_finite_in_evaluation_is_refused(custom_folder: Path) -> None:
    """Before it is trained, in one line."""
    (custom_folder / "breaking.py").write_text(BREAKING, encoding="utf-8")
    with pytest.raises(UserError, match="outputs that are not finite in evaluation"):
        check_network("breaking:Validation", Recipe())
