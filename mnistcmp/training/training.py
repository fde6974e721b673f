"""From runs to their results, whichever engine trains them."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistcmp.data.mnist import Mnist
from mnistcmp.data.pairs import Pairs, PairSets, draw_pair_sets
from mnistcmp.seeding import Stream, TorchStream
from mnistcmp.study.study import Run
from mnistcmp.training.device import most_at_once
from mnistcmp.training.plain import PlainEngine
from mnistcmp.training.repeat import Repeated
from mnistcmp.training.result import Epoch, Round, TrainingResult, Weights
from mnistcmp.training.stacked.engine import StackedEngine
from mnistcmp.training.stacked.stackable import is_stackable
from mnistcmp.training.trainer import Scores, Trainer


def train(
    runs: Sequence[Run], mnist: Mnist, device: torch.device, *, keep_weights: bool = False
) -> list[TrainingResult]:
    """Trains runs of one architecture and recipe, in parts where a GPU's memory is too small.

    Raises:
        ValueError: The runs are of several architectures or recipes.
    """
    width = most_at_once(runs[0].recipe, device)
    parts = [runs[start : start + width] for start in range(0, len(runs), width)]
    results: list[TrainingResult] = []
    for part in parts:
        results += _to_the_end(Training(part, mnist, device, keep_weights=keep_weights))
    return results


def train_plainly(
    run: Run, mnist: Mnist, device: torch.device, *, keep_weights: bool = False
) -> TrainingResult:
    """Trains one run with PyTorch's own layers: the definition of what a result is."""
    plainly = Training([run], mnist, device, keep_weights=keep_weights, plainly=True)
    return _to_the_end(plainly)[0]


class Training:
    """Runs of one architecture and recipe, trained side by side, an epoch of all at a time.

    A run's result depends on the run alone: not on those beside it, and two trainings on like
    machines agree bit for bit. Whether results keep their weights changes nothing else in them.
    With an MNIST without test images, results have neither test scores nor predictions.

    A training may be left before its end, and leaves torch's own random numbers as they are.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        mnist: Mnist,
        device: torch.device,
        *,
        keep_weights: bool = False,
        plainly: bool = False,
    ) -> None:
        """Builds the networks.

        Args:
            runs: What to train.
            mnist: What their pairs are drawn from.
            device: Where to train.
            keep_weights: Whether results have the weights of the best epoch.
            plainly: Whether to train run by run what could be stacked.

        Raises:
            ValueError: The runs are of several architectures or recipes.
        """
        if len({(run.architecture, run.recipe) for run in runs}) != 1:
            raise ValueError("a stack is of one architecture and one recipe")
        recipe = runs[0].recipe
        stacked = is_stackable(runs[0].architecture, recipe) and not plainly
        stacks = [runs] if stacked else [[run] for run in runs]
        self._keep_weights = keep_weights
        self._parts = [_Part(stack, mnist, device, stacked=stacked) for stack in stacks]
        self._epochs = recipe.rounds * recipe.epochs

    def epoch(self) -> None:
        """Trains the next epoch; a round's last one ends with its test."""
        for part in self._parts:
            part.epoch()

    @property
    def epochs_done(self) -> int:
        """Epochs of all rounds so far."""
        return len(self._parts[0].epochs)

    @property
    def done(self) -> bool:
        """Whether there is no epoch left."""
        return self.epochs_done == self._epochs

    @property
    def validation_accuracies(self) -> NDArray[np.float32]:
        """Each run's share of correct validation answers after the latest epoch, (S,), float32."""
        latest = [epoch for part in self._parts for epoch in part.epochs[-1]]
        return np.array([epoch.validation.accuracy for epoch in latest], np.float32)

    def results(self) -> list[TrainingResult]:
        """What is known of each run, when the training is done.

        Raises:
            ValueError: It is not.
        """
        if not self.done:
            raise ValueError(f"{self._epochs - self.epochs_done} epochs are left to train")
        return [
            result
            for part in self._parts
            for result in part.results(keep_weights=self._keep_weights)
        ]


def _to_the_end(training: Training) -> list[TrainingResult]:
    while not training.done:
        training.epoch()
    return training.results()


class _Part:
    """What one engine trains: a run, or a stack of them."""

    def __init__(
        self, runs: Sequence[Run], mnist: Mnist, device: torch.device, *, stacked: bool
    ) -> None:
        self._runs, self._mnist, self._device = runs, mnist, device
        self._recipe = runs[0].recipe
        self._seconds = 0.0
        # Layers of a custom network may draw from torch's default generator.
        self._random = TorchStream(runs[0].seed, Stream.DROPOUT, device)
        with self._at_work():
            self._engine = StackedEngine(runs, device) if stacked else PlainEngine(runs[0], device)
            self._trainer = Trainer(runs, self._engine, device)
        self.epochs: list[list[Epoch]] = []
        """Each epoch's scores of all runs."""
        self._rounds: list[list[Round]] = []
        self._sets: list[PairSets] = []
        # A recorded graph finds the epoch's number, counted from 0, in one place.
        self._epoch = torch.zeros((), dtype=torch.int64, device=device)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Counts the time, since others may be trained in between, and seeds what torch draws."""
        started = time.perf_counter()
        with self._random.resumed():
            yield
        self._seconds += time.perf_counter() - started

    def epoch(self) -> None:
        with self._at_work():
            if len(self.epochs) % self._recipe.epochs == 0:
                self._start_round()
            trained, validated = self._train_epoch()
            self.epochs.append(self._note(trained, validated))
            self._epoch.add_(1)
            if len(self.epochs) % self._recipe.epochs == 0:
                self._engine.restore()
                self._rounds.append(self._end_round([sets.test for sets in self._sets]))

    def _start_round(self) -> None:
        number = len(self._rounds)
        self._sets = [
            draw_pair_sets(self._mnist, run.seed, self._recipe, number=number) for run in self._runs
        ]
        training_pairs = self._trainer.stack([sets.train for sets in self._sets])
        validation_pairs = self._trainer.stack([sets.validation for sets in self._sets])
        self._most_correct = torch.full((len(self._runs),), -1)
        self._best_epochs = torch.zeros(len(self._runs), dtype=torch.int64)
        self._engine.start_round()

        def train_epoch() -> tuple[Scores, Scores]:
            trained = self._trainer.train_epoch(training_pairs, self._epoch)
            return trained, self._trainer.score(validation_pairs)

        self._train_epoch = Repeated(train_epoch, as_graph=self._engine.capturable)

    def _note(self, trained: Scores, validated: Scores) -> list[Epoch]:
        """Each run's scores of an epoch, after which the better weights are remembered.

        The best epoch is that of the most correct validation answers, the latest where several tie,
        or the latest of all where the recipe says so.
        """
        correct = validated.correct.cpu()
        better = (correct >= self._most_correct) | (self._recipe.tested_epoch == "last")
        self._most_correct = torch.maximum(self._most_correct, correct)
        self._best_epochs[better] = len(self.epochs) + 1
        self._engine.snapshot(better.to(self._device))
        return [
            Epoch(train=train, validation=validation)
            for train, validation in zip(
                trained.each(self._recipe.split_size),
                validated.each(self._recipe.validation_pairs),
                strict=True,
            )
        ]

    def _end_round(self, test_sets: Sequence[Pairs]) -> list[Round]:
        """Each run's round, tested where there are test pairs."""
        best_epochs = self._best_epochs.tolist()
        if not len(test_sets[0]):
            return [Round(best_epoch=best, test=None, predictions=None) for best in best_epochs]
        test = self._trainer.stack(test_sets)
        tested, predictions = self._trainer.test(test, test_sets)
        return [
            Round(best_epoch=best, test=score, predictions=predicted)
            for best, score, predicted in zip(
                best_epochs, tested.each(len(test)), predictions, strict=True
            )
        ]

    def results(self, *, keep_weights: bool) -> list[TrainingResult]:
        gpu = self._device.type == "cuda"
        device_name = torch.cuda.get_device_name(self._device) if gpu else "cpu"
        return [
            TrainingResult(
                parameters=self._engine.parameters,
                epochs=tuple(of_all[run] for of_all in self.epochs),
                rounds=tuple(of_all[run] for of_all in self._rounds),
                device=device_name,
                seconds=self._seconds / len(self._runs),
                weights=_weights(self._engine.state(run), sets) if keep_weights else None,
            )
            for run, sets in enumerate(self._sets)
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
