"""What an engine is: the networks of S runs, trained and scored side by side, however computed.

What is the same for one run trained plainly and for a stack is here. Classes stand before pairs,
(S, classes, N), as stacked networks give them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mnistcmp.data.pairs import Pairs
from mnistcmp.networks.architectures import architecture
from mnistcmp.networks.outputs import Outputs
from mnistcmp.seeding import Stream, shuffles, stream_keys
from mnistcmp.study.study import Run
from mnistcmp.training.optimizer import recipe_optimizer
from mnistcmp.training.result import Predictions, Score

EVALUATION_BATCH = 200
"""Pairs at a time, as was fastest on a CPU. No effect on what is predicted."""

Part = tuple[Outputs, slice]
"""The outputs for some of the pairs, and for which."""
Scored = tuple[Tensor, Tensor, Tensor]
"""Of some of the pairs, (S, B) of them: each run's loss (S,), comparisons and labels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairStack:
    """N pairs of each of S runs, on a device."""

    prepared: Any
    labels: Tensor
    """(S, N), int64."""
    digits: Tensor
    """(S, N, 2), int64."""

    def __len__(self) -> int:
        return self.labels.shape[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """How each of S networks does on its pairs."""

    losses: Tensor
    """(S,): mean loss per pair."""
    correct: Tensor
    """(S,), int64: comparisons answered correctly."""
    pairs: int

    def each(self) -> list[Score]:
        """Each network's."""
        both = zip(self.losses.tolist(), self.correct.tolist(), strict=True)
        return [Score(loss=loss, accuracy=correct / self.pairs) for loss, correct in both]


class Engine(ABC):
    """The networks of S runs of one architecture and recipe, and their optimizer."""

    def __init__(
        self,
        runs: Sequence[Run],
        network: nn.Module,
        optimized: Sequence[nn.Parameter],
        *,
        parameters: int,
    ) -> None:
        """Takes one network, or all of a stack as one; `parameters` counts those of one run."""
        self.network, self.parameters = network, parameters
        self._optimized = optimized
        self._recipe = runs[0].recipe
        entry = architecture(runs[0].architecture)
        self._auxiliary = entry.auxiliary_loss is not False
        self._options = entry.effective_options(self._recipe.network)
        self._device = optimized[0].device
        self._orders = stream_keys([run.seed for run in runs], Stream.BATCHES, self._device)
        self._best: dict[str, Tensor] = {}
        self.start_round()

    @abstractmethod
    def prepare(self, inputs: Tensor) -> Any:  # noqa: ANN401 - what `forward` takes
        """Inputs (S, N, 2, 14, 14) in the form that the networks read batches from."""

    @abstractmethod
    def start_step(self, step: int) -> None:
        """The next outputs are those of a training step, counted from 0."""

    @abstractmethod
    def forward(self, prepared: Any, pairs: Tensor) -> Outputs:  # noqa: ANN401 - see `prepare`
        """Outputs for the pairs at (S, B): (S, 2, B), and (S, 10, B) for each digit."""

    @abstractmethod
    def update(self, losses: Tensor) -> None:
        """Moves each network's weights by the gradient of its loss, of (S,)."""

    @abstractmethod
    def snapshot(self, better: Tensor) -> None:
        """Remembers the weights of the runs where (S,) is true."""

    @abstractmethod
    def state(self, run: int) -> dict[str, Tensor]:
        """A run's weights and statistics, by the names in its plain network."""

    def start_round(self) -> None:
        """Forgets what the optimizer has gathered; the weights stay."""
        self._optimizer, self._schedule = recipe_optimizer(self._optimized, self._recipe)

    def checkpoint(self) -> dict[str, Any]:
        """All that further epochs depend on, as `resume` takes it."""
        return {
            "network": self.network.state_dict(),
            "best": self._best,
            "optimizer": self._optimizer.state_dict(),
            "schedule": None if self._schedule is None else self._schedule.state_dict(),
        }

    def resume(self, checkpoint: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint of an engine of the same runs."""
        self.network.load_state_dict(checkpoint["network"])
        self._best = {name: v.to(self._device) for name, v in checkpoint["best"].items()}
        self._optimizer.load_state_dict(checkpoint["optimizer"])
        if self._schedule is not None:
            self._schedule.load_state_dict(checkpoint["schedule"])

    def restore(self) -> None:
        """Takes the remembered weights of all runs."""
        self.network.load_state_dict(self._best)

    def stack(self, pairs: Sequence[Pairs]) -> PairStack:
        """A set of pairs for each run, ready to train or score on."""
        return PairStack(
            prepared=self.prepare(torch.stack([p.inputs for p in pairs]).to(self._device)),
            labels=torch.stack([p.labels for p in pairs]).to(self._device),
            digits=torch.stack([p.digits for p in pairs]).to(self._device),
        )

    def train_epoch(self, pairs: PairStack, epoch: int) -> Scores:
        """One pass over the pairs in a new order; epochs count from 0."""
        return self._sum(self._steps(pairs, epoch))

    def _steps(self, pairs: PairStack, epoch: int) -> Iterator[Scored]:
        self.network.train()
        if self._recipe.shuffle:
            order = shuffles(self._orders, epoch, len(pairs))
        else:
            order = torch.arange(len(pairs), device=self._device).repeat(len(self._orders), 1)
        batches = torch.split(order, self._recipe.batch_size, dim=1)
        for number, batch in enumerate(batches):
            self.start_step(epoch * len(batches) + number)
            outputs = self.forward(pairs.prepared, batch)
            labels = pairs.labels.gather(1, batch)
            digits = pairs.digits.gather(1, batch[..., None].expand(-1, -1, 2))
            losses = self.losses(outputs, labels, digits, self._recipe.label_smoothing)
            self.update(losses)
            yield losses.detach(), outputs.comparison, labels

    def _sum(self, parts: Iterable[Scored]) -> Scores:
        loss_sums = torch.zeros(len(self._orders), device=self._device)
        correct = torch.zeros(len(self._orders), dtype=torch.int64, device=self._device)
        pairs = 0
        for losses, comparison, labels in parts:
            loss_sums += losses * labels.shape[1]
            correct += (comparison.argmax(dim=1) == labels).sum(1)
            pairs += labels.shape[1]
        return Scores(losses=loss_sums / pairs, correct=correct, pairs=pairs)

    def losses(
        self, outputs: Outputs, labels: Tensor, digits: Tensor, smoothing: float = 0.0
    ) -> Tensor:
        """Each run's mean over its batch, (S,).

        It is the comparison's cross-entropy and, where there is an auxiliary loss, those of the two
        digits, weighted and summed; of labels smoothed where training wants it.
        """
        weight = self._recipe.comparison_weight
        losses = weight * _cross_entropy(outputs.comparison, labels, smoothing)
        if self._auxiliary and outputs.digits is not None:
            first, second = outputs.digits
            auxiliary = _cross_entropy(first, digits[..., 0], smoothing)
            auxiliary = auxiliary + _cross_entropy(second, digits[..., 1], smoothing)
            losses = losses + self._recipe.auxiliary_weight * auxiliary
        return losses

    def score(self, pairs: PairStack) -> Scores:
        """Loss and correct answers without dropout, batch norm by its running statistics."""
        return self._score(pairs, self._evaluate(pairs))

    def test(self, stack: PairStack, pairs: Sequence[Pairs]) -> tuple[Scores, list[Predictions]]:
        """`score`, and what each network predicts for its pairs."""
        parts = list(self._evaluate(stack))
        return self._score(stack, parts), self._predictions(parts, pairs)

    @torch.inference_mode()
    def _evaluate(self, pairs: PairStack) -> Iterator[Part]:
        self.network.eval()
        every = torch.arange(len(pairs), device=self._device).expand(len(pairs.labels), -1)
        for start in range(0, len(pairs), EVALUATION_BATCH):
            where = slice(start, start + EVALUATION_BATCH)
            yield self.forward(pairs.prepared, every[:, where]), where

    def _score(self, pairs: PairStack, parts: Iterable[Part]) -> Scores:
        labels, digits = pairs.labels, pairs.digits
        return self._sum(
            (self.losses(outputs, labels[:, at], digits[:, at]), outputs.comparison, labels[:, at])
            for outputs, at in parts
        )

    def _predictions(self, parts: Iterable[Part], pairs: Sequence[Pairs]) -> list[Predictions]:
        probabilities, predicted, named = [], [], []
        for outputs, _ in parts:
            comparison = outputs.comparison
            predicted.append(comparison.argmax(dim=1))
            if not self._options.head_ends_in_softmax:
                comparison = comparison.softmax(dim=1)
            probabilities.append(comparison[:, 1])
            if self._auxiliary and outputs.digits is not None:
                named.append(torch.stack([d.argmax(dim=1) for d in outputs.digits], dim=2))
        all_probabilities = torch.cat(probabilities, dim=1).cpu().numpy()
        all_predicted = torch.cat(predicted, dim=1).cpu().numpy()
        all_named = torch.cat(named, dim=1).cpu().numpy() if named else None
        return [
            Predictions(
                sources=part.sources,
                digits=part.digits.numpy(),
                labels=part.labels.numpy(),
                probabilities=all_probabilities[run],
                predicted=all_predicted[run],
                predicted_digits=None if all_named is None else all_named[run],
            )
            for run, part in enumerate(pairs)
        ]


def _cross_entropy(outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """(S, classes, B) and (S, B) to a mean for each run, (S,)."""
    losses = functional.cross_entropy(outputs, targets, reduction="none", label_smoothing=smoothing)
    return losses.mean(1)
