"""From runs to their results: a pure function, whichever way the runs are trained."""

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from mnistcmp.data import Mnist, PairSets, draw_pair_sets
from mnistcmp.seeding import Stream, seeded_torch
from mnistcmp.study import Run
from mnistcmp.training.history import History
from mnistcmp.training.plain import PlainEngine
from mnistcmp.training.repeat import repeat
from mnistcmp.training.result import Score, TrainingResult, Weights
from mnistcmp.training.stacked import NotStackableError, StackedEngine
from mnistcmp.training.trainer import Engine, Trainer


def train(
    runs: Sequence[Run], mnist: Mnist, device: torch.device, *, keep_weights: bool = False
) -> list[TrainingResult]:
    """Trains runs of one architecture and recipe, and tests each one's best epoch by validation.

    A run's result depends on the run alone: not on those beside it, and two trainings on like
    machines agree bit for bit. Whether results keep their weights changes nothing else in them.

    Raises:
        ValueError: The runs are of several architectures or recipes.
    """
    if len({(run.architecture, run.recipe) for run in runs}) != 1:
        raise ValueError("a stack is of one architecture and one recipe")
    try:
        engine = StackedEngine(runs, device)
    except NotStackableError:
        return [train_plainly(run, mnist, device, keep_weights=keep_weights) for run in runs]
    return _train(runs, engine, mnist, device, keep_weights=keep_weights)


def train_plainly(
    run: Run, mnist: Mnist, device: torch.device, *, keep_weights: bool = False
) -> TrainingResult:
    """Trains one run with PyTorch's own layers: the definition of what a result is."""
    # Layers that are not the package's may draw from torch's default generator.
    with seeded_torch(run.seed, Stream.DROPOUT, device):
        engine = PlainEngine(run, device)
        return _train([run], engine, mnist, device, keep_weights=keep_weights)[0]


def _train(
    runs: Sequence[Run], engine: Engine, mnist: Mnist, device: torch.device, *, keep_weights: bool
) -> list[TrainingResult]:
    started = time.perf_counter()
    sets = [draw_pair_sets(mnist, run.seed, run.recipe) for run in runs]
    trainer = Trainer(runs, engine, device)
    training = trainer.stack([own.train for own in sets])
    validation = trainer.stack([own.validation for own in sets])
    history = History(len(runs), runs[0].recipe.epochs, device)

    def train_epoch() -> None:
        trained = trainer.train_epoch(training, history.epoch)
        engine.keep(history.note(trained, trainer.score(validation)))

    repeat(train_epoch, runs[0].recipe.epochs, as_graph=engine.capturable)
    engine.restore()
    test_sets = [own.test for own in sets]
    test = trainer.stack(test_sets)
    tested = trainer.score(test)
    predictions = trainer.predict(test, test_sets)
    epochs = history.epochs(len(training), len(validation))
    best_epochs = history.best_epochs.tolist()
    device_name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    seconds = (time.perf_counter() - started) / len(runs)
    return [
        TrainingResult(
            parameters=engine.parameters,
            epochs=epochs[run],
            best_epoch=best_epochs[run],
            test=Score(
                loss=float(tested.losses[run]), accuracy=int(tested.correct[run]) / len(test)
            ),
            predictions=predictions[run],
            device=device_name,
            seconds=seconds,
            weights=_weights(engine.state(run), sets[run]) if keep_weights else None,
        )
        for run in range(len(runs))
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
