"""One run's network in training: a step, an epoch, a score, predictions."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from mnistcmp.architectures import architecture
from mnistcmp.data import Pairs
from mnistcmp.models import Outputs
from mnistcmp.seeding import Stream, seeded_torch, torch_generator
from mnistcmp.study import Run
from mnistcmp.training.result import Predictions, Score

EVALUATION_BATCH = 250
"""Pairs at a time; larger batches were slower on the CPU. No effect on what is predicted."""


class Trainer:
    """A run's network, optimiser and order of batches, on a device."""

    def __init__(self, run: Run, device: torch.device) -> None:
        self.recipe = run.recipe
        self.architecture = architecture(run.architecture)
        # Weights are drawn on the CPU, so that they are the same whatever the device.
        with seeded_torch(run.seed, Stream.WEIGHTS, torch.device("cpu")):
            network = self.architecture.build(run.recipe.softmax)
        # channels_last took 24% off a step on a CPU; it changes no shape.
        self.network = _channels_last(network).to(device)
        self.optimiser = torch.optim.Adam(
            self.network.parameters(), lr=run.recipe.learning_rate, fused=True
        )
        self.order = torch_generator(run.seed, Stream.BATCHES)

    def train_epoch(self, pairs: Pairs) -> Score:
        """One pass over the pairs in a new order."""
        self.network.train()
        device = pairs.labels.device
        loss_sum = torch.zeros((), device=device)
        correct = torch.zeros((), device=device, dtype=torch.int64)
        order = torch.randperm(len(pairs), generator=self.order).to(device)
        for batch in torch.split(order, self.recipe.batch_size):
            outputs, labels = self.network(pairs.inputs[batch]), pairs.labels[batch]
            loss = self.loss(outputs, labels, pairs.digits[batch])
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            loss_sum += loss.detach() * len(batch)
            correct += (outputs.comparison.argmax(dim=1) == labels).sum()
        return Score(loss=float(loss_sum) / len(pairs), accuracy=int(correct) / len(pairs))

    def loss(self, outputs: Outputs, labels: Tensor, digits: Tensor) -> Tensor:
        """Mean over the batch; the auxiliary losses are those of the two digits, summed."""
        loss = functional.cross_entropy(outputs.comparison, labels)
        if self.architecture.auxiliary_loss and outputs.digits is not None:
            first, second = outputs.digits
            auxiliary = functional.cross_entropy(first, digits[:, 0])
            auxiliary = auxiliary + functional.cross_entropy(second, digits[:, 1])
            loss = loss + self.recipe.auxiliary_weight * auxiliary
        return loss

    def score(self, pairs: Pairs) -> Score:
        """Loss and accuracy without dropout, batch norm by its running statistics."""
        loss_sum, correct = 0.0, 0
        for outputs, where in self._evaluate(pairs):
            labels, count = pairs.labels[where], len(pairs.labels[where])
            loss_sum += float(self.loss(outputs, labels, pairs.digits[where])) * count
            correct += int((outputs.comparison.argmax(dim=1) == labels).sum())
        return Score(loss=loss_sum / len(pairs), accuracy=correct / len(pairs))

    def predict(self, pairs: Pairs) -> Predictions:
        """The network's answer to each pair."""
        probabilities, predicted, named = [], [], []
        for outputs, _ in self._evaluate(pairs):
            answer = outputs.comparison
            if self.recipe.softmax != "everywhere":
                answer = answer.softmax(dim=1)
            probabilities.append(answer[:, 1])
            predicted.append(outputs.comparison.argmax(dim=1))
            if self.architecture.auxiliary_loss and outputs.digits is not None:
                named.append(torch.stack([d.argmax(dim=1) for d in outputs.digits], dim=1))
        return Predictions(
            sources=pairs.sources,
            digits=pairs.digits.cpu().numpy(),
            labels=pairs.labels.cpu().numpy(),
            probabilities=torch.cat(probabilities).cpu().numpy(),
            predicted=torch.cat(predicted).cpu().numpy(),
            predicted_digits=torch.cat(named).cpu().numpy() if named else None,
        )

    @torch.inference_mode()
    def _evaluate(self, pairs: Pairs) -> Iterator[tuple[Outputs, slice]]:
        self.network.eval()
        for start in range(0, len(pairs), EVALUATION_BATCH):
            where = slice(start, start + EVALUATION_BATCH)
            yield self.network(pairs.inputs[where]), where


def _channels_last(network: nn.Module) -> nn.Module:
    """The network with its convolutions' weights so laid out; torch's stubs lack the argument."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
