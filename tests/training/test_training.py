"""Training a run."""

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from torch.nn import functional

from mnistcmp.data.mnist import Mnist
from mnistcmp.data.pairs import draw_pair_sets
from mnistcmp.errors import UserError
from mnistcmp.networks.architectures import ARCHITECTURES
from mnistcmp.networks.options import SoftmaxPlacement
from mnistcmp.study.recipe import RECIPES, Recipe
from mnistcmp.study.study import Run
from mnistcmp.training.device import resolve_device
from mnistcmp.training.plain import PlainEngine
from mnistcmp.training.result import TrainingResult
from mnistcmp.training.stacked.engine import StackedEngine
from mnistcmp.training.training import Training, train
from tests.support.fixtures import CPU, SMALL

PLAIN = RECIPES["plain"].changes()


def _plain(**changes: object) -> Recipe:
    """The recipe without dropout and batch norm."""
    return Recipe.model_validate(PLAIN | changes)


def _run(architecture: str = "siamese-shared-aux", seed: int = 0, recipe: Recipe = SMALL) -> Run:
    return Run(architecture=architecture, seed=seed, recipe=recipe)


def _train(run: Run, mnist: Mnist) -> TrainingResult:
    return train([run], mnist, CPU)[0]


def _numbers(result: TrainingResult) -> tuple[object, ...]:
    probabilities = result.predictions.probabilities.tobytes()
    return result.epochs, result.best_epoch, result.test, probabilities


def test_a_network_learns_a_few_pairs_by_heart(mnist: Mnist) -> None:
    """Without dropout, forty pairs are fitted perfectly in forty epochs."""
    recipe = _plain(epochs=40, batch_size=8, train_pairs=50, test_pairs=1)
    result = _train(_run("baseline", recipe=recipe), mnist)
    assert result.epochs[-1].train.accuracy == 1
    assert result.epochs[-1].train.loss < 0.05
    assert result.epochs[0].train.loss > 0.5


def test_a_network_learns_what_it_was_not_shown(mnist: Mnist) -> None:
    """Six epochs with auxiliary loss: well above the share of the larger class, digits too."""
    recipe = Recipe(epochs=6)
    result = _train(_run(recipe=recipe), mnist)
    digit_accuracy = result.predictions.digit_accuracy
    assert result.test.accuracy > 0.85
    assert digit_accuracy is not None
    assert digit_accuracy > 0.8


def test_same_run_same_result_bit_for_bit(mnist: Mnist) -> None:
    """Whatever torch's own generator was at before."""
    torch.manual_seed(1)
    first = _train(_run(), mnist)
    torch.manual_seed(2)
    assert _numbers(_train(_run(), mnist)) == _numbers(first)


def test_another_seed_another_result(mnist: Mnist) -> None:
    """Pairs, weights, batches and dropout all come from the seed."""
    assert _numbers(_train(_run(seed=0), mnist)) != _numbers(_train(_run(seed=1), mnist))


def test_training_leaves_torch_s_generator_alone(mnist: Mnist) -> None:
    """A training has no effect outside its result."""
    before = torch.get_rng_state()
    _train(_run(), mnist)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_longer_training_begins_with_the_shorter_one(mnist: Mnist) -> None:
    """The number of epochs changes nothing before its last."""
    longer = _train(_run(recipe=SMALL.model_copy(update={"epochs": 3})), mnist)
    shorter = _train(_run(recipe=SMALL.model_copy(update={"epochs": 2})), mnist)
    assert longer.epochs[:2] == shorter.epochs


def test_best_epoch_is_the_latest_of_the_best(mnist: Mnist) -> None:
    """Few validation pairs make ties; the later epoch wins them."""
    recipe = Recipe(epochs=12, train_pairs=20, test_pairs=10, batch_size=8)
    result = _train(_run("baseline", seed=1, recipe=recipe), mnist)
    accuracies = [epoch.validation.accuracy for epoch in result.epochs]
    best = [n for n, a in enumerate(accuracies, start=1) if a == max(accuracies)]
    assert len(best) > 1
    assert result.best_epoch == best[-1]


def test_the_weights_tested_are_those_of_the_best_epoch(mnist: Mnist) -> None:
    """A training that ends at the best epoch has the same test result."""
    recipe = SMALL.model_copy(update={"epochs": 8})
    runs = [_run(seed=seed, recipe=recipe) for seed in range(6)]
    trained = zip(runs, train(runs, mnist, CPU), strict=True)
    run, result = next((run, result) for run, result in trained if result.best_epoch < 8)
    shorter = recipe.model_copy(update={"epochs": result.best_epoch})
    cut = _train(_run(seed=run.seed, recipe=shorter), mnist)
    assert cut.best_epoch == result.best_epoch
    assert cut.test == result.test


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("softmax", get_args(SoftmaxPlacement))
def test_predictions_agree_with_the_score(mnist: Mnist, name: str, softmax: str) -> None:
    """The stored answers give the stored accuracy, and point at the test pairs of the seed."""
    run = _run(name, recipe=Recipe.model_validate(SMALL.model_dump() | {"softmax": softmax}))
    result = _train(run, mnist)
    predictions = result.predictions
    assert (predictions.predicted == predictions.labels).mean() == result.test.accuracy
    assert ((predictions.probabilities >= 0) & (predictions.probabilities <= 1)).all()
    assert ((predictions.probabilities > 0.5) == predictions.predicted).all()
    test = draw_pair_sets(mnist, run.seed, run.recipe).test
    assert np.array_equal(predictions.sources, test.sources)
    assert np.array_equal(predictions.digits, test.digits.numpy())
    named = bool(ARCHITECTURES[name].auxiliary_loss)
    assert (predictions.digit_accuracy is not None) == named


def test_loss_is_the_sum_of_three_cross_entropies(mnist: Mnist) -> None:
    """With auxiliary loss: the comparison's, and the weighted ones of both digits."""
    recipe = SMALL.model_copy(update={"auxiliary_weight": 0.5})
    engine = PlainEngine(_run(recipe=recipe), CPU)
    pairs = draw_pair_sets(mnist, 0, recipe).test
    with torch.inference_mode():
        outputs = engine.network.eval()(pairs.inputs)
    comparison = functional.cross_entropy(outputs.comparison, pairs.labels)
    first, second = (
        functional.cross_entropy(outputs.digits[i], pairs.digits[:, i]) for i in (0, 1)
    )
    score = engine.score(engine.stack([pairs]))
    assert float(score.losses) == pytest.approx(float(comparison + 0.5 * (first + second)))
    without = PlainEngine(_run("siamese-shared", recipe=recipe), CPU)
    assert float(without.score(without.stack([pairs])).losses) == pytest.approx(float(comparison))


def test_score_is_the_mean_over_all_pairs(mnist: Mnist) -> None:
    """Evaluating in batches of unequal size weighs every pair the same."""
    recipe = Recipe(epochs=1, train_pairs=50, test_pairs=301, batch_size=8)
    engine = PlainEngine(_run("baseline", recipe=recipe), CPU)
    pairs = draw_pair_sets(mnist, 0, recipe).test
    score = engine.score(engine.stack([pairs]))
    with torch.inference_mode():
        outputs = engine.network.eval()(pairs.inputs)
    expected = functional.cross_entropy(outputs.comparison, pairs.labels)
    assert float(score.losses) == pytest.approx(float(expected), rel=1e-5)
    assert int(score.correct) == int((outputs.comparison.argmax(1) == pairs.labels).sum())


def test_test_pairs_are_not_trained_on(mnist: Mnist) -> None:
    """Other test pairs change the test result and nothing before it."""
    first = _train(_run(), mnist)
    other = _train(_run(recipe=SMALL.model_copy(update={"test_pairs": 30})), mnist)
    assert first.epochs == other.epochs
    assert len(other.predictions.labels) == 30


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    """`cuda` is refused, `auto` takes the CPU."""
    with pytest.raises(UserError, match="torch sees no GPU"):
        resolve_device("cuda")
    assert resolve_device("auto") == CPU


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_a_gpu_learns_too(mnist: Mnist) -> None:
    """The same run on the GPU learns as well as on the CPU."""
    (result,) = train([_run(recipe=Recipe(epochs=6))], mnist, resolve_device("auto"))
    assert result.test.accuracy > 0.85


def _chain(**changes: object) -> Recipe:
    """Two rounds of two epochs."""
    base = SMALL.model_dump() | {"rounds": 2, "epochs": 2, "shuffle": False}
    return Recipe.model_validate(base | changes)


@pytest.mark.parametrize("architecture", ["baseline", "siamese-separate-aux"])
def test_rounds_hand_on_their_weights(architecture: str, mnist: Mnist) -> None:
    """The first is a run of its own; the second starts where it was tested, on other pairs."""
    chain = _train(_run(architecture, recipe=_chain()), mnist)
    alone = _train(_run(architecture, recipe=_chain(rounds=1)), mnist)
    assert chain.epochs[:2] == alone.epochs
    assert chain.rounds[0].test == alone.test
    assert len(chain.epochs) == 4
    assert chain.rounds[1].best_epoch in {3, 4}
    first, second = (part.predictions for part in chain.rounds)
    assert first is not None
    assert second is not None
    assert not np.array_equal(first.sources, second.sources)
    assert len(chain.predictions.labels) == 2 * len(first.labels)
    assert chain.test.accuracy == np.mean([p.test.accuracy for p in chain.rounds if p.test])


def test_further_rounds_are_easier(mnist: Mnist) -> None:
    """A third round has been trained on three times the pairs."""
    recipe = Recipe(rounds=3, epochs=5, train_pairs=500, test_pairs=1000)
    chain = _train(_run("siamese-shared-aux", recipe=recipe), mnist)
    first, *_, last = (part.test.accuracy for part in chain.rounds if part.test is not None)
    assert last > first + 0.02


@pytest.mark.parametrize(
    "engine_of", [PlainEngine, lambda run, device: StackedEngine([run], device)]
)
def test_a_new_round_has_a_new_optimizer(
    engine_of: Callable[[Run, torch.device], PlainEngine | StackedEngine], mnist: Mnist
) -> None:
    """Adam's first step is as long as the learning rate whatever the gradient, and so again."""
    run = _run("baseline", recipe=_plain(train_pairs=40))
    engine = engine_of(run, CPU)
    batch = engine.stack([draw_pair_sets(mnist, 0, run.recipe).train])
    steps = []
    for new in (False, False, True):
        if new:
            engine.start_round()
        before = engine.state(0)["branch.linear3.bias"].clone()
        engine.train_epoch(batch, 0)
        steps.append((engine.state(0)["branch.linear3.bias"] - before).abs())
    rate = torch.full((2,), run.recipe.learning_rate)
    torch.testing.assert_close(steps[0], rate, rtol=1e-3, atol=0)
    assert not torch.allclose(steps[1], rate, rtol=1e-3, atol=0)
    torch.testing.assert_close(steps[2], rate, rtol=1e-3, atol=0)


def test_without_shuffling_every_epoch_has_one_order(mnist: Mnist) -> None:
    """The losses of a network that does not learn are those of the same batches each time.

    With batch norm they depend on which pairs a batch has by far more than by rounding.
    """

    def losses(*, shuffle: bool) -> list[float]:
        fields = {"rounds": 1, "epochs": 3, "shuffle": shuffle, "learning_rate": 1e-30}
        recipe = _chain(**fields, branch_dropout=(0.0, 0.0))
        epochs = _train(_run("baseline", recipe=recipe), mnist).epochs
        return [epoch.train.loss for epoch in epochs]

    assert len(set(losses(shuffle=False))) == 1
    assert len({round(loss, 6) for loss in losses(shuffle=True)}) == 3


def test_training_can_be_followed_epoch_by_epoch(mnist: Mnist) -> None:
    """It knows the runs' validation accuracies after each; without test images, none is tested."""
    runs = [_run("baseline", seed, SMALL.model_copy(update={"epochs": 2})) for seed in (0, 1)]
    training = Training(runs, mnist.without_test(), CPU)
    seen = []
    while not training.done:
        training.epoch()
        seen.append(training.validation_accuracies)
    assert len(seen) == 2
    for number, result in enumerate(training.results()):
        accuracies = [epoch.validation.accuracy for epoch in result.epochs]
        assert [own[number] for own in seen] == pytest.approx(accuracies)
        assert not result.tested


def test_a_training_has_no_results_before_its_end(mnist: Mnist) -> None:
    """It says how much is left."""
    training = Training([_run(recipe=_chain())], mnist, CPU)
    training.epoch()
    with pytest.raises(ValueError, match="3 epochs are left"):
        training.results()


def test_trainings_do_not_disturb_each_other(mnist: Mnist) -> None:
    """Epochs of two plain runs in turn, beside draws from torch's own generator."""
    recipe = SMALL.model_copy(update={"augmentation": "affine", "epochs": 2})
    runs = [_run("baseline", seed, recipe) for seed in (0, 1)]
    alone = [_numbers(_train(run, mnist)) for run in runs]
    trainings = [Training([run], mnist, CPU) for run in runs]
    for _ in range(2):
        for training in trainings:
            torch.rand(3)
            training.epoch()
    assert [_numbers(training.results()[0]) for training in trainings] == alone
