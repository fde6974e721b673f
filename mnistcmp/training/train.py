"""One run, plainly: the definition of what a result is.

A run at a time, with PyTorch's own layers and optimiser. Anything faster has to agree with this.
"""

import time
from copy import deepcopy

import torch
from torch import Tensor

from mnistcmp.data import Mnist, draw_pair_sets
from mnistcmp.models import parameter_count
from mnistcmp.seeding import Stream, seeded_torch
from mnistcmp.study import Run
from mnistcmp.training.result import Epoch, TrainingResult
from mnistcmp.training.trainer import Trainer


def train(run: Run, mnist: Mnist, device: torch.device) -> TrainingResult:
    """Trains a run and tests the weights of its best epoch by validation accuracy.

    The result depends on the run alone: two trainings on like machines agree bit for bit.
    """
    started = time.perf_counter()
    sets = draw_pair_sets(mnist, run.seed, run.recipe)
    train_pairs, validation, test = (
        pairs.to(device) for pairs in (sets.train, sets.validation, sets.test)
    )
    trainer = Trainer(run, device)
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


def _accuracy(epoch: Epoch) -> float:
    return epoch.validation.accuracy
