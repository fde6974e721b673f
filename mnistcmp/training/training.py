"""From runs to their results, whichever engine trains them."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistcmp.data.mnist import Mnist
from mnistcmp.data.pairs import PairSets, draw_pair_sets
from mnistcmp.errors import UserError
from mnistcmp.networks.architectures import architecture
from mnistcmp.seeding import Stream, TorchStream
from mnistcmp.study.study import Run
from mnistcmp.training.checkpoint import decode, encode, other_state
from mnistcmp.training.engine import Engine, Scores
from mnistcmp.training.plain import PlainEngine
from mnistcmp.training.planning import is_stackable
from mnistcmp.training.result import Epochs, Round, TrainingResult, Weights, scores_so_far
from mnistcmp.training.stacked.engine import StackedEngine

_KEPT = "epochs", "diverged", "rounds", "most_correct", "best_epochs"
"""A training's own part of a checkpoint: its private attributes of these names."""


def train(
    runs: Sequence[Run], mnist: Mnist, device: torch.device, *, keep_weights: bool = False
) -> list[TrainingResult]:
    """Trains runs of one architecture and recipe, side by side where they can be stacked.

    Raises:
        ValueError: The runs are of several architectures or recipes.
    """
    parts = trainings(runs, mnist, device, keep_weights=keep_weights)
    return [result for training in parts for result in training.to_the_end()]


def trainings(
    runs: Sequence[Run], mnist: Mnist, device: torch.device, *, keep_weights: bool = False
) -> Iterator["Training"]:
    """Runs of one architecture and recipe as one stack, or one by one if they cannot be one."""
    stacked = is_stackable(runs[0].architecture, runs[0].recipe)
    for stack in [runs] if stacked else [[run] for run in runs]:
        yield Training(stack, mnist, device, keep_weights=keep_weights)


def train_plainly(
    run: Run, mnist: Mnist, device: torch.device, *, keep_weights: bool = False
) -> TrainingResult:
    """Trains one run with PyTorch's own layers: the definition of what a result is."""
    training = Training([run], mnist, device, keep_weights=keep_weights, plainly=True)
    return training.to_the_end()[0]


class Training:
    """A run, or a stack of runs of one architecture and recipe, trained an epoch at a time.

    A result depends on its run alone, not on those beside it, and is the same bit for bit on like
    machines. A run whose loss is no longer finite after an epoch has diverged: alone, it ends; in a
    stack, the others go on. With an MNIST without test images, results have neither test scores nor
    predictions. A training leaves torch's own random numbers as they are.
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
        """Builds the networks; `plainly` leaves a run to the plain engine that could be stacked.

        Raises:
            ValueError: The runs cannot be trained as one stack.
        """
        self._runs, self._mnist, self._device = runs, mnist, device
        self._recipe = runs[0].recipe
        self._keep_weights = keep_weights
        stacked = is_stackable(runs[0].architecture, self._recipe) and not plainly
        kinds = {(run.architecture, run.recipe) for run in runs}
        if len(kinds) > 1 or (len(runs) > 1 and not stacked):
            raise ValueError("a stack is of one architecture and one recipe that can be stacked")
        self.seconds = 0.0
        """Of its training so far."""
        # Layers of a custom network may draw from torch's default generator.
        self._random = TorchStream(runs[0].seed, Stream.DROPOUT, device)
        with self._at_work():
            engine = StackedEngine(runs, device) if stacked else PlainEngine(runs[0], device)
        self._engine: Engine = engine
        self._epochs: list[NDArray[np.float64]] = []
        """Each epoch's scores of all S runs, (S, 4), as `Epochs` has them."""
        self._diverged: list[int | None] = [None] * len(runs)
        self._rounds: list[list[Round]] = []
        self._sets: list[PairSets] = []
        self._custom = architecture(runs[0].architecture).custom
        self._other_state = other_state(engine.network) if self._custom else None

    @property
    def width(self) -> int:
        """How many runs are trained together."""
        return len(self._runs)

    @property
    def done(self) -> bool:
        """Whether there is no epoch left, or no run that could be trained on."""
        return self._left == 0 or None not in self._diverged

    @property
    def _left(self) -> int:
        return self._recipe.all_epochs - len(self._epochs)

    @property
    def epochs_done(self) -> int:
        """Of all rounds."""
        return len(self._epochs)

    @property
    def train_accuracies(self) -> NDArray[np.float64]:
        """Each run's correct answers in the latest epoch's batches, 0 to 1, as it went."""
        return self._epochs[-1][:, 1]

    @property
    def validation_accuracies(self) -> NDArray[np.float32]:
        """Each run's correct validation answers after the latest epoch, 0 to 1; 0 if diverged."""
        going = [epoch is None for epoch in self._diverged]
        return np.where(going, self._epochs[-1][:, 3], 0).astype(np.float32)

    def to_the_end(self) -> list[TrainingResult]:
        """Trains what is left; each run's result."""
        while not self.done:
            self.epoch()
        return self.results()

    def checkpoint(self) -> bytes | None:
        """What `resume` goes on from, after an epoch; None where results would be others.

        That is so for a custom network which changes more than its parameters and buffers.
        """
        if self._custom:
            now = other_state(self._engine.network)
            if now is None or now != self._other_state:
                return None
        own = {name: getattr(self, f"_{name}") for name in _KEPT}
        own |= {"of": self._identity(), "seconds": self.seconds, "random": self._random.states}
        return encode({**own, "engine": self._engine.checkpoint()})

    def _identity(self) -> list[str]:
        return [self._device.type, *(run.run_id for run in self._runs)]

    def resume(self, checkpoint: bytes) -> bool:
        """Goes on from a checkpoint of a new training's runs, with results equal bit for bit.

        Returns:
            Whether it does: a checkpoint that is not whole, or of other runs, other software or
            another kind of device, is not used.
        """
        state = decode(checkpoint)
        if state is None or state.get("of") != self._identity():
            return False
        with self._at_work():
            if len(state["epochs"]) % self._recipe.epochs:
                self._draw_pairs(len(state["rounds"]))
            self._engine.resume(state["engine"])
        for name in _KEPT:
            setattr(self, f"_{name}", state[name])
        self._random.states, self.seconds = state["random"], state["seconds"]
        return True

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Counts the time, since others may be trained in between, and seeds what torch draws."""
        started = time.perf_counter()
        # NumPy need not warn of a run that diverges.
        with self._random.resumed(), np.errstate(over="ignore", invalid="ignore"):
            yield
        self.seconds += time.perf_counter() - started

    def epoch(self) -> None:
        """Trains the next epoch, if one is left; a round's last one ends with its test."""
        if self.done:
            return
        with self._at_work():
            if len(self._epochs) % self._recipe.epochs == 0:
                self._start_round()
            trained = self._engine.train_epoch(self._training_pairs, len(self._epochs))
            validated = self._engine.score(self._validation_pairs)
            self._epochs.append(self._note(trained, validated))
            self._mark_diverged(self._epochs[-1][:, (0, 2)].sum(1))
            if len(self._epochs) % self._recipe.epochs == 0 and None in self._diverged:
                self._engine.restore()
                self._rounds.append(self._end_round())
                self._mark_diverged([part.test.loss for part in self._rounds[-1] if part.test])

    def _mark_diverged(self, losses: Iterable[float]) -> None:
        """Of each run: one whose loss is not finite has diverged in the latest epoch, or before."""
        for run, loss in enumerate(losses):
            if not isfinite(loss):
                self._diverged[run] = self._diverged[run] or len(self._epochs)

    def _start_round(self) -> None:
        self._draw_pairs(len(self._rounds))
        self._most_correct = torch.full((len(self._runs),), -1)
        self._best_epochs = torch.zeros(len(self._runs), dtype=torch.int64)
        self._engine.start_round()

    def _draw_pairs(self, number: int) -> None:
        self._sets = [
            draw_pair_sets(self._mnist, run.seed, self._recipe, number=number) for run in self._runs
        ]
        self._training_pairs = self._engine.stack([sets.train for sets in self._sets])
        self._validation_pairs = self._engine.stack([sets.validation for sets in self._sets])

    def _note(self, trained: Scores, validated: Scores) -> NDArray[np.float64]:
        """Each run's scores of an epoch, (S, 4), after which the better weights are remembered.

        The best epoch is that of the most correct validation answers, the latest where several tie,
        or the latest of all where the recipe says so.
        """
        correct = validated.correct.cpu()
        better = (correct >= self._most_correct) | (self._recipe.tested_epoch == "last")
        self._most_correct = torch.maximum(self._most_correct, correct)
        self._best_epochs[better] = len(self._epochs) + 1
        self._engine.snapshot(better.to(self._device))
        return np.hstack([trained.each(), validated.each()])

    def _end_round(self) -> list[Round]:
        """Each run's round, tested where there are test pairs."""
        best_epochs = self._best_epochs.tolist()
        test_sets = [sets.test for sets in self._sets]
        if not len(test_sets[0]):
            return [Round(best_epoch=best, test=None, predictions=None) for best in best_epochs]
        test = self._engine.stack(test_sets)
        tested, predictions = self._engine.test(test, test_sets)
        of_run = zip(best_epochs, tested.each(), predictions, strict=True)
        return [Round(best_epoch=b, test=score, predictions=p) for b, score, p in of_run]

    def scores(self, epochs: int | None) -> list[float]:
        """Each run's score after so many epochs; 0 if diverged."""
        return scores_so_far(np.array(self._epochs[:epochs]), self._diverged, self._recipe)

    def results(self) -> list[TrainingResult]:
        """What is known of each run, when the training is done.

        Raises:
            ValueError: It is not.
        """
        if not self.done:
            raise ValueError(f"{self._left} epochs are left to train")
        device = torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else "cpu"
        epochs = np.array(self._epochs).reshape(-1, len(self._runs), 4)
        results = []
        for run, diverged in enumerate(self._diverged):
            keep_weights = self._keep_weights and diverged is None
            result = TrainingResult(
                parameters=self._engine.parameters,
                epochs=Epochs(epochs[: diverged and diverged - 1, run]),
                rounds=() if diverged else tuple(of_all[run] for of_all in self._rounds),
                device=device,
                seconds=self.seconds / len(self._runs),
                weights=self._weights(run) if keep_weights else None,
                diverged_epoch=diverged,
            )
            results.append(result)
        return results

    def _weights(self, run: int) -> Weights:
        tensors = storable(self._runs[run].architecture, self._engine.state(run))
        sets = self._sets[run]
        return Weights(tensors=tensors, mean=sets.mean, deviation=sets.deviation)


def storable(network: str, state: dict[str, Tensor]) -> dict[str, NDArray[np.generic]]:
    """A network's state in arrays that a file of weights can have.

    Raises:
        UserError: A part of it is no tensor, or one whose layout or numbers such files have not.
    """
    tensors = {}
    for name, value in state.items():
        # Batch norm's counts of batches have no part in an answer, and a stack has none.
        if name.endswith("num_batches_tracked"):
            continue
        tensor = isinstance(value, Tensor)
        if not tensor or value.layout != torch.strided or value.is_quantized or value.is_complex():
            kind = str(value.dtype) if tensor else type(value).__name__
            raise UserError(
                f"the state '{name}' of '{network}' ({kind}) cannot be kept with its weights. Take "
                "--weights none, or keep it out of state_dict."
            )
        # NumPy has none of the shorter floating-point numbers; float32 has them all.
        wide = value.dtype in {torch.float32, torch.float64} or not value.is_floating_point()
        # A copy: in a stack it is a view of all runs' weights.
        tensors[name] = (value if wide else value.float()).cpu().contiguous().numpy().copy()
    return tensors
