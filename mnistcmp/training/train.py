"""One run, plainly: the definition of what a result is.

A run at a time, with PyTorch's own layers and optimiser. Anything faster has to agree with this.
"""

import time
from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional

from mnistcmp.architectures import architecture
from mnistcmp.data import Mnist, Pairs, draw_pair_sets
from mnistcmp.models import Outputs, parameter_count
from mnistcmp.seeding import Stream, seeded_torch, torch_generator
from mnistcmp.study import Run
from mnistcmp.training.result import Epoch, Predictions, Score, TrainingResult

EVALUATION_BATCH = 250
"""Pairs at a time; larger batches were slower on the CPU. No effect on what is predicted."""


def train(run: Run, mnist: Mnist, device: torch.device) -> TrainingResult:
    """Trains a run and tests the weights of its best epoch by validation accuracy.

    The result depends on the run alone: two trainings on like machines agree bit for bit.
    """
    started = time.perf_counter()
    sets = draw_pair_sets(mnist, run.seed, run.recipe)
    train_pairs, validation, test = (
        pairs.to(device) for pairs in (sets.train, sets.validation, sets.test)
    )
    trainer = _Trainer(run, device)
    epochs: list[Epoch] = []
    best_epoch = 0
    best_weights: dict[str, Tensor] = {}
    with seeded_torch(run.seed, Stream.DROPOUT, device):
        for number in range(1, run.recipe.epochs + 1):
            train_score = trainer.train_epoch(train_pairs)
            epochs.append(Epoch(train=train_score, validation=trainer.score(validation)))
            if best_epoch == 0 or _accuracy(epochs[-1]) >= _accuracy(epochs[best_epoch - 1]):
                best_epoch = number
                best_weights = deepcopy(trainer.network.state_dict())
    trainer.network.load_state_dict(best_weights)
    return TrainingResult(
        parameters=parameter_count(trainer.network),
        epochs=tuple(epochs),
        best_epoch=best_epoch,
        test=trainer.score(test),
        predictions=trainer.predict(test),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        seconds=time.perf_counter() - started,
    )


def _channels_last(network: nn.Module) -> nn.Module:
    """The network with its convolutions' weights so laid out; torch's stubs lack the argument."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _accuracy(epoch: Epoch) -> float:
    return epoch.validation.accuracy


class _Trainer:
    """A run's network, optimiser and order of batches."""

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
