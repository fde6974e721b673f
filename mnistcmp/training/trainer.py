"""Training S runs of one architecture and recipe side by side: epochs, scores, predictions.

What is the same for one run trained plainly and for a stack is here; an `Engine` does the rest.
Classes stand before pairs, (S, classes, N), as stacked networks give them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mnistcmp.data.pairs import Pairs
from mnistcmp.networks.architectures import architecture
from mnistcmp.networks.outputs import Outputs
from mnistcmp.seeding import Stream, shuffles, stream_keys
from mnistcmp.study.study import Run
from mnistcmp.training.engine import Engine
from mnistcmp.training.result import Predictions, Score

EVALUATION_BATCH = 200
"""Pairs at a time, as was fastest on a CPU. No effect on what is predicted."""

Part = tuple[Outputs, slice]
"""The outputs for some of the pairs, and for which."""


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

    def each(self, pairs: int) -> list[Score]:
        """Each network's, of so many pairs."""
        both = zip(self.losses.tolist(), self.correct.tolist(), strict=True)
        return [Score(loss=loss, accuracy=correct / pairs) for loss, correct in both]


class Trainer:
    """S runs on a device."""

    def __init__(self, runs: Sequence[Run], engine: Engine, device: torch.device) -> None:
        self.engine = engine
        self._recipe = runs[0].recipe
        entry = architecture(runs[0].architecture)
        self._auxiliary = entry.auxiliary_loss is not False
        self._options = entry.effective_options(self._recipe.network)
        self._device = device
        self._orders = stream_keys([run.seed for run in runs], Stream.BATCHES, device)

    def stack(self, pairs: Sequence[Pairs]) -> PairStack:
        """A set of pairs for each run, ready to train or score on."""
        inputs = torch.stack([p.inputs for p in pairs]).to(self._device)
        return PairStack(
            prepared=self.engine.prepare(inputs),
            labels=torch.stack([p.labels for p in pairs]).to(self._device),
            digits=torch.stack([p.digits for p in pairs]).to(self._device),
        )

    def train_epoch(self, pairs: PairStack, epoch: int | Tensor) -> Scores:
        """One pass over the pairs in a new order; epochs count from 0."""
        self.engine.train(mode=True)
        if self._recipe.shuffle:
            order = shuffles(self._orders, epoch, len(pairs))
        else:
            order = torch.arange(len(pairs), device=self._device).repeat(len(self._orders), 1)
        batches = torch.split(order, self._recipe.batch_size, dim=1)
        loss_sums = torch.zeros(len(order), device=self._device)
        correct = torch.zeros(len(order), dtype=torch.int64, device=self._device)
        for number, batch in enumerate(batches):
            self.engine.start_step(epoch * len(batches) + number)
            outputs = self.engine.forward(pairs.prepared, batch)
            labels = pairs.labels.gather(1, batch)
            digits = pairs.digits.gather(1, batch[..., None].expand(-1, -1, 2))
            losses = self.losses(outputs, labels, digits, self._recipe.label_smoothing)
            self.engine.update(losses)
            loss_sums += losses.detach() * batch.shape[1]
            correct += (outputs.comparison.argmax(dim=1) == labels).sum(1)
        return Scores(losses=loss_sums / len(pairs), correct=correct)

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

    def _score(self, pairs: PairStack, parts: Iterable[Part]) -> Scores:
        loss_sums = torch.zeros(len(pairs.labels), device=self._device)
        correct = torch.zeros(len(pairs.labels), dtype=torch.int64, device=self._device)
        for outputs, where in parts:
            labels = pairs.labels[:, where]
            loss_sums += self.losses(outputs, labels, pairs.digits[:, where]) * labels.shape[1]
            correct += (outputs.comparison.argmax(dim=1) == labels).sum(1)
        return Scores(losses=loss_sums / len(pairs), correct=correct)

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

    @torch.inference_mode()
    def _evaluate(self, pairs: PairStack) -> Iterator[Part]:
        self.engine.train(mode=False)
        every = torch.arange(len(pairs), device=self._device).expand(len(pairs.labels), -1)
        for start in range(0, len(pairs), EVALUATION_BATCH):
            where = slice(start, start + EVALUATION_BATCH)
            yield self.engine.forward(pairs.prepared, every[:, where]), where


def _cross_entropy(outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """(S, classes, B) and (S, B) to a mean for each run, (S,)."""
    losses = functional.cross_entropy(outputs, targets, reduction="none", label_smoothing=smoothing)
    return losses.mean(1)
