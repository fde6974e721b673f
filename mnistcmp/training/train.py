"""From runs to their results: a pure function, whichever way the runs are trained."""

import time
from collections.abc import Generator, Sequence
from functools import partial

import torch
from torch import Tensor

from mnistcmp.data.mnist import Mnist
from mnistcmp.data.pairs import Pairs, PairSets, draw_pair_sets
from mnistcmp.seeding import Stream, seeded_steps
from mnistcmp.study.study import Run
from mnistcmp.training.device import most_at_once
from mnistcmp.training.history import History
from mnistcmp.training.plain import PlainEngine
from mnistcmp.training.repeat import repeat
from mnistcmp.training.result import Round, Score, TrainingResult, Weights
from mnistcmp.training.stacked.engine import StackedEngine
from mnistcmp.training.stacked.network import NotStackableError
from mnistcmp.training.trainer import Engine, PairStack, Trainer

Training = Generator[Tensor, None, list[TrainingResult]]
"""Yields each run's validation accuracy (S,) after each epoch, and returns the results."""


def train(
    runs: Sequence[Run], mnist: Mnist, device: torch.device, *, keep_weights: bool = False
) -> list[TrainingResult]:
    """Trains runs of one architecture and recipe, and tests each with its best epoch's weights.

    A run's result depends on the run alone: not on those beside it, and two trainings on like
    machines agree bit for bit. Whether results keep their weights changes nothing else in them.

    Raises:
        ValueError: The runs are of several architectures or recipes.
    """
    _check_alike(runs)
    width = most_at_once(runs[0].recipe, device)
    results: list[TrainingResult] = []
    for start in range(0, len(runs), width):
        part = runs[start : start + width]
        results += to_its_end(training(part, mnist, device, keep_weights=keep_weights))
    return results


def training(
    runs: Sequence[Run],
    mnist: Mnist,
    device: torch.device,
    *,
    keep_weights: bool = False,
) -> Training:
    """`train`, epoch by epoch; it may be left before its end.

    Of an MNIST without test images, results have neither test scores nor predictions.
    """
    _check_alike(runs)
    finish = partial(_train, mnist=mnist, device=device, keep_weights=keep_weights)
    started = time.perf_counter()
    try:
        engine = StackedEngine(runs, device)
    except NotStackableError:
        return side_by_side([_plainly(run, device, finish) for run in runs])
    return finish(runs, engine, spent=time.perf_counter() - started)


def _check_alike(runs: Sequence[Run]) -> None:
    if len({(run.architecture, run.recipe) for run in runs}) != 1:
        raise ValueError("a stack is of one architecture and one recipe")


def train_plainly(
    run: Run, mnist: Mnist, device: torch.device, *, keep_weights: bool = False
) -> TrainingResult:
    """Trains one run with PyTorch's own layers: the definition of what a result is."""
    finish = partial(_train, mnist=mnist, device=device, keep_weights=keep_weights)
    return to_its_end(_plainly(run, device, finish))[0]


def _plainly(run: Run, device: torch.device, finish: "partial[Training]") -> Training:
    def steps() -> Training:
        started = time.perf_counter()
        engine = PlainEngine(run, device)
        return (yield from finish([run], engine, spent=time.perf_counter() - started))

    # Layers that are not the package's may draw from torch's default generator.
    return (yield from seeded_steps(run.seed, Stream.DROPOUT, device, steps()))


def side_by_side(trainings: Sequence[Training]) -> Training:
    """Trainings of as many epochs each, an epoch of all at a time, as one of all their runs."""
    results: list[TrainingResult] = []
    while not results:
        accuracies = []
        for one in trainings:
            try:
                accuracies.append(next(one))
            except StopIteration as end:
                results += end.value
        if accuracies:
            yield torch.cat(accuracies)
    return results


def to_its_end(steps: Training) -> list[TrainingResult]:
    """The results of a training, as soon as it has taken the epochs that are left."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            results: list[TrainingResult] = end.value
            return results


def _train(
    runs: Sequence[Run],
    engine: Engine,
    *,
    spent: float,
    mnist: Mnist,
    device: torch.device,
    keep_weights: bool,
) -> Training:
    """`spent`: seconds that it took to build the engine."""
    started = time.perf_counter()
    recipe = runs[0].recipe
    trainer = Trainer(runs, engine, device)
    latest = recipe.tested_epoch == "last"
    history = History(len(runs), recipe.rounds * recipe.epochs, device, latest=latest)
    rounds: list[list[Round]] = []
    for number in range(recipe.rounds):
        sets = [draw_pair_sets(mnist, run.seed, recipe, number=number) for run in runs]
        training_pairs = trainer.stack([own.train for own in sets])
        validation_pairs = trainer.stack([own.validation for own in sets])
        history.start_round()
        engine.start_round()
        train_epoch = partial(_train_epoch, trainer, history, training_pairs, validation_pairs)
        for _ in repeat(train_epoch, recipe.epochs, as_graph=engine.capturable):
            # Others may be trained meanwhile.
            spent += time.perf_counter() - started
            yield history.validated / len(validation_pairs)
            started = time.perf_counter()
        engine.restore()
        rounds.append(_end_round(trainer, [own.test for own in sets], history))
    epochs = history.epochs(recipe.split_size, recipe.validation_pairs)
    device_name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    seconds = (spent + time.perf_counter() - started) / len(runs)
    return [
        TrainingResult(
            parameters=engine.parameters,
            epochs=epochs[run],
            rounds=tuple(of_all[run] for of_all in rounds),
            device=device_name,
            seconds=seconds,
            weights=_weights(engine.state(run), sets[run]) if keep_weights else None,
        )
        for run in range(len(runs))
    ]


def _train_epoch(
    trainer: Trainer, history: History, training_pairs: PairStack, validation_pairs: PairStack
) -> None:
    trained = trainer.train_epoch(training_pairs, history.epoch)
    trainer.engine.keep(history.note(trained, trainer.score(validation_pairs)))


def _end_round(trainer: Trainer, test_sets: Sequence[Pairs], history: History) -> list[Round]:
    """Each run's round, tested where there are test pairs."""
    best_epochs = history.best_epochs.tolist()
    if not len(test_sets[0]):
        return [Round(best_epoch=best, test=None, predictions=None) for best in best_epochs]
    test = trainer.stack(test_sets)
    tested, predictions = trainer.test(test, test_sets)
    return [
        Round(
            best_epoch=best,
            test=Score(
                loss=float(tested.losses[run]), accuracy=int(tested.correct[run]) / len(test)
            ),
            predictions=predictions[run],
        )
        for run, best in enumerate(best_epochs)
    ]


def _weights(state: dict[str, Tensor], sets: PairSets) -> Weights:
    # Copies: in a stack they are views of all runs' weights. Batch norm's counts of batches have no
    # part in an answer, and the stack has none.
    tensors = {
        name: tensor.cpu().contiguous().numpy().copy()
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
    return Weights(tensors=tensors, mean=sets.mean, deviation=sets.deviation)
