"""What is done of a launch, and how long the rest takes."""

from dataclasses import replace

import pytest

from mnistcmp.cluster.forecast import Forecast
from mnistcmp.cluster.launch import Trained, Worker
from mnistcmp.cluster.stacks import cost
from mnistcmp.data.mnist import Mnist
from mnistcmp.results.outcome import Failed
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run
from tests.support.fixtures import SMALL
from tests.support.stored import NOON
from tests.support.synthetic import made_up

RECIPE = Recipe(epochs=10)
FIRST, SECOND, THIRD = (
    tuple(Run(architecture="baseline", seed=seed, recipe=RECIPE) for seed in seeds)
    for seeds in ((0, 1), (2, 3), (4, 5))
)


def _trained(epochs: int, seconds: float) -> Trained:
    return Trained(
        host="here",
        device="cpu",
        epochs=epochs,
        seconds=seconds,
        train=(0.5, 0.5),
        validation=(0.5, 0.5),
    )


def test_nothing_is_foretold_before_something_was_measured() -> None:
    """A machine's speed is not known beforehand."""
    assert Forecast([FIRST, SECOND], workers=1).look({}) == (0, None)


def test_the_rest_takes_as_long_as_what_was_trained() -> None:
    """Half of the first of two stacks in 5 s, by one worker: 5 s and 10 s are left."""
    share, left = Forecast([FIRST, SECOND], workers=1).look({FIRST: _trained(5, 5.0)})
    assert share == pytest.approx(0.25)
    assert left == pytest.approx(15)


def test_the_last_stack_is_trained_by_one_worker_while_others_wait() -> None:
    """Two of three are in training; the third begins where the first of them ends."""
    training = {FIRST: _trained(5, 5.0), SECOND: _trained(2, 2.0)}
    _, left = Forecast([FIRST, SECOND, THIRD], workers=2).look(training)
    assert left == pytest.approx(5 + 10)


def test_what_has_ended_is_measured_by_its_results() -> None:
    """Its runs took a second each; the next stack is as long."""
    forecast = Forecast([FIRST, SECOND], workers=1)
    forecast.end(FIRST, made_up(FIRST))
    share, left = forecast.look({})
    assert share == pytest.approx(0.5)
    assert left == pytest.approx(2)
    forecast.end(SECOND, made_up(SECOND))
    assert forecast.look({}) == (1, 0)


def test_another_architecture_costs_in_proportion() -> None:
    """Until one of its own was trained for a while."""
    other = tuple(replace(run, architecture="siamese-separate") for run in FIRST)
    _, left = Forecast([FIRST, other], workers=1).look({FIRST: _trained(9, 9.0)})
    assert left == pytest.approx(1 + 10 * cost(other) / cost(FIRST))


def test_runs_of_a_lost_stack_end_one_by_one() -> None:
    """Each is a part of it; one that failed measures nothing."""
    forecast = Forecast([FIRST], workers=1)
    gone = Failed(run=FIRST[0], error="E", traceback="", host=None, failed_at=NOON)
    forecast.replan([FIRST], [FIRST[:1], FIRST[1:]], workers=1)
    forecast.end(FIRST[:1], [gone])
    share, left = forecast.look({})
    assert share == pytest.approx(0.5)
    assert left is None
    forecast.end(FIRST[1:], made_up(FIRST[1:]))
    assert forecast.look({}) == (1, 0)


def test_a_worker_tells_of_its_epochs(mnist: Mnist) -> None:
    """Of every one, were there no least time between; accuracies are those of the results."""
    stack = tuple(
        Run(architecture="baseline", seed=seed, recipe=SMALL.model_copy(update={"epochs": 3}))
        for seed in (0, 1)
    )
    told, training = [], Worker(seconds_between=0).train(stack, mnist, "cpu")
    try:
        while True:
            trained = next(training)
            assert isinstance(trained, Trained)
            told.append(trained)
    except StopIteration as ended:
        results = ended.value
    assert [trained.epochs for trained in told] == [1, 2, 3]
    for number, trained in enumerate(told):
        epochs = [result.epochs[number] for result in results]
        assert trained.validation == tuple(round(e.validation.accuracy, 4) for e in epochs)
        assert trained.train == tuple(round(e.train.accuracy, 4) for e in epochs)
