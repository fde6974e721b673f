"""What recipe fields do to a training, beyond those of the report."""

import time
from typing import Any

import numpy as np
import pytest
import torch

from mnistcmp.data.mnist import Mnist
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run
from mnistcmp.training.augmentation import AffineAugmentation
from mnistcmp.training.optimizer import recipe_optimizer
from mnistcmp.training.result import TrainingResult
from mnistcmp.training.training import train
from tests.support.fixtures import CPU, SMALL

BLANK = torch.tensor(-0.4)
STILL: dict[str, Any] = {"learning_rate": 1e-30, "batch_norm": "none"}
"""A network that does not learn."""


def _train(mnist: Mnist, architecture: str = "baseline", **changes: object) -> TrainingResult:
    recipe = Recipe.model_validate(SMALL.model_dump() | changes)
    return train([Run(architecture=architecture, seed=0, recipe=recipe)], mnist, CPU)[0]


def _dots(count: int) -> torch.Tensor:
    """Pairs of blank images with a bright square of 2 x 2 in the middle."""
    pairs = BLANK.expand(count, 2, 14, 14).clone()
    pairs[:, :, 6:8, 6:8] = 2.0
    return pairs


def test_augmented_images_are_moved_a_little() -> None:
    """The square's centre stays within the largest shift; the background stays what it was."""
    moved = AffineAugmentation(0, CPU)(_dots(500), 3, BLANK) - BLANK
    places = torch.arange(14.0)
    mass = moved.sum((2, 3))
    for axis in (2, 3):
        centre = moved.sum(axis) @ places / mass
        assert float((centre - 6.5).abs().max()) < 1.7
        assert 0.4 < float(centre.std()) < 1.0
    torch.testing.assert_close(moved[:, :, 0], torch.zeros(500, 2, 14), atol=0.05, rtol=0)


def test_augmentation_is_the_run_s_own() -> None:
    """The same for a seed and step; another for another, and for each image."""
    pairs = _dots(2)
    first = AffineAugmentation(0, CPU)(pairs, 0, BLANK)
    assert torch.equal(AffineAugmentation(0, CPU)(pairs, 0, BLANK), first)
    assert not torch.equal(AffineAugmentation(1, CPU)(pairs, 0, BLANK), first)
    assert not torch.equal(AffineAugmentation(0, CPU)(pairs, 1, BLANK), first)
    assert len({image.numpy().tobytes() for image in first.reshape(4, 14, 14)}) == 4


def test_only_training_images_are_augmented(mnist: Mnist) -> None:
    """With a network that does not learn, validation and test are those of plain images."""
    plain, moved = (_train(mnist, augmentation=name, **STILL) for name in ("none", "affine"))
    assert moved.epochs[0].train.loss != pytest.approx(plain.epochs[0].train.loss, abs=1e-7)
    assert moved.epochs[0].validation.loss == pytest.approx(plain.epochs[0].validation.loss)
    assert moved.test.loss == pytest.approx(plain.test.loss)


@pytest.mark.parametrize(
    "changes", [{"augmentation": "affine"}, {"precision": "bf16"}], ids=["affine", "bf16"]
)
def test_results_of_plainly_trained_recipes_do_not_depend_on_the_stack(
    mnist: Mnist, changes: dict[str, object]
) -> None:
    """Alone, and beside another run."""
    recipe = Recipe.model_validate(SMALL.model_dump() | changes)
    runs = [Run(architecture="siamese-shared-aux", seed=s, recipe=recipe) for s in (0, 1)]
    together = train(runs, mnist, CPU)
    alone = train(runs[1:], mnist, CPU)[0]
    assert together[1].epochs == alone.epochs
    probabilities = alone.predictions.probabilities
    assert np.array_equal(together[1].predictions.probabilities, probabilities)


def test_bf16_is_nearly_float32(mnist: Mnist) -> None:
    """Losses differ, by no more than eight bits of a number allow."""
    exact, rounded = (_train(mnist, precision=name) for name in ("float32", "bf16"))
    loss = rounded.epochs[0].validation.loss
    assert loss != exact.epochs[0].validation.loss
    assert loss == pytest.approx(exact.epochs[0].validation.loss, rel=0.05)


def test_one_cycle_rises_and_falls() -> None:
    """From a 25th of the learning rate to it, and down to nearly nothing at the last step."""
    recipe = Recipe(epochs=4, train_pairs=1000, schedule="one-cycle", learning_rate=0.01)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer, _ = recipe_optimizer([parameter], recipe)
    rates = []
    for _ in range(recipe.steps):
        parameter.grad = torch.ones(1)
        before = parameter.item()
        optimizer.step()
        rates.append(before - parameter.item())
    assert recipe.steps == 100
    assert rates[0] == pytest.approx(0.01 / 25, rel=1e-3)
    assert max(rates) == pytest.approx(0.01, rel=0.05)
    assert 25 < int(np.argmax(rates)) < 35
    assert rates[-1] < 1e-6


def test_smoothed_labels_are_for_training_alone(mnist: Mnist) -> None:
    """A network that does not learn is scored alike, and its training loss is another."""
    hard, smooth = (_train(mnist, label_smoothing=share, **STILL) for share in (0.0, 0.3))
    assert smooth.epochs[0].train.loss != hard.epochs[0].train.loss
    assert smooth.epochs[0].validation == hard.epochs[0].validation


def test_the_comparison_s_weight_scales_its_loss(mnist: Mnist) -> None:
    """Without it and without auxiliary loss there is none."""
    assert _train(mnist, comparison_weight=0.0).epochs[0].train.loss == 0


def test_weight_decay_shrinks_weights() -> None:
    """AdamW's takes its share at every step."""
    parameter = torch.nn.Parameter(torch.ones(1))
    recipe = Recipe(optimizer="adamw", weight_decay=0.5, learning_rate=0.1)
    optimizer, _ = recipe_optimizer([parameter], recipe)
    parameter.grad = torch.zeros(1)
    optimizer.step()
    assert parameter.item() == pytest.approx(1 - 0.1 * 0.5)


def test_the_last_epoch_s_weights_are_tested_where_a_recipe_says_so(mnist: Mnist) -> None:
    """Whatever their validation accuracy; otherwise the training is the same."""
    runs = [_train(mnist, epochs=8, tested_epoch=which) for which in ("best", "last")]
    assert runs[0].epochs == runs[1].epochs
    assert runs[1].best_epoch == 8


def test_runs_side_by_side_count_their_own_time(mnist: Mnist) -> None:
    """Together they take as long as the training did, not each of them."""
    recipe = SMALL.model_copy(update={"augmentation": "affine", "epochs": 3})
    runs = [Run(architecture="baseline", seed=seed, recipe=recipe) for seed in range(4)]
    started = time.perf_counter()
    results = train(runs, mnist, CPU)
    assert sum(result.seconds for result in results) <= time.perf_counter() - started
