"""How fast training is: the stacked engine beside plain loops, in one process, interleaved."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from mnistcmp.data.mnist import Mnist
from mnistcmp.data.pairs import Pairs, draw_pair_sets
from mnistcmp.networks.architectures import architecture
from mnistcmp.networks.outputs import Outputs
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run
from mnistcmp.training.engine import Engine
from mnistcmp.training.plain import PlainEngine
from mnistcmp.training.stacked.engine import StackedEngine
from mnistcmp.training.threads import one_thread
from mnistcmp.training.trainer import Trainer

CPU = torch.device("cpu")
SGEMM_SIZE = 2048
STACKED = "stacked"
"""The way that the others are compared with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """One way of training one architecture, on one processor core."""

    architecture: str
    way: str
    milliseconds: float
    """Per step of one model: forward, backward, optimizer, batch and metrics. Median of rounds."""
    steps_per_second: float
    """Steps of single models."""
    mfu: float
    """Model FLOP utilisation: the arithmetic of the layers as written, forward once and backward
    twice that, per second, over the rate of a matrix product in the same process. 0 to 1, and above
    where an engine gets along with less arithmetic."""
    times_slower: float
    """Than the stacked engine: the median of the rounds' ratios."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """What `measure_speed` found."""

    rounds: int
    width: int
    """Runs in a stack."""
    sgemm_gflops: float
    """A product of two float32 matrices of 2048 x 2048 on one core. Median of rounds."""
    timings: tuple[Timing, ...]


@one_thread()
def measure_speed(
    architectures: tuple[str, ...], mnist: Mnist, *, rounds: int, width: int
) -> Speed:
    """Trains an epoch of each architecture in each way, in turn, for so many rounds.

    Args:
        architectures: Names.
        mnist: The digits; each way trains on the pairs of seed 0.
        rounds: Repetitions that are measured, after one that is not.
        width: Runs in a stack.
    """
    ways = {name: _ways(name, mnist, width) for name in architectures}
    seconds: dict[tuple[str, str], list[float]] = {}
    rates = []
    for number in range(rounds + 1):
        rates.append(_sgemm_gflops())
        for name, of_name in ways.items():
            for way, train_epoch in of_name.items():
                elapsed = _seconds(lambda: train_epoch(number))  # noqa: B023 - called at once
                seconds.setdefault((name, way), []).append(elapsed)
    sgemm = median(rates[1:])
    return Speed(
        rounds=rounds,
        width=width,
        sgemm_gflops=sgemm,
        timings=tuple(
            _timing(name, way, of_way[1:], seconds[name, STACKED][1:], sgemm, width)
            for (name, way), of_way in seconds.items()
        ),
    )


def _timing(  # noqa: PLR0917 - all of a round's facts
    name: str, way: str, seconds: list[float], stacked: list[float], sgemm: float, width: int
) -> Timing:
    recipe = Recipe()
    steps = -(-recipe.split_size // recipe.batch_size)
    models = width if way == STACKED else 1
    per_step = median(seconds) / steps / models
    slower = median(w * width / models / s for w, s in zip(seconds, stacked, strict=True))
    return Timing(
        architecture=name,
        way=way,
        milliseconds=1000 * per_step,
        steps_per_second=1 / per_step,
        mfu=step_flops(name) / per_step / (sgemm * 1e9),
        times_slower=slower,
    )


def step_flops(name: str) -> int:
    """Arithmetic of a training step of one model on a full batch, its layers as written.

    The backward pass is counted as twice the forward pass: a gradient for the inputs and one for
    the weights of each layer.
    """
    recipe = Recipe()
    network = architecture(name).build(recipe.network)
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(recipe.batch_size, 2, 14, 14))
    return 3 * int(counter.get_total_flops())


def _ways(name: str, mnist: Mnist, width: int) -> dict[str, Callable[[int], object]]:
    """Each trains one epoch of a number; the plain ones of one model, the stacked of `width`."""
    runs = [Run(architecture=name, seed=seed, recipe=Recipe()) for seed in range(width)]
    pairs = draw_pair_sets(mnist, 0, Recipe()).train
    return {
        STACKED: _with_engine(StackedEngine(runs, CPU), runs, pairs),
        "plain engine": _with_engine(PlainEngine(runs[0], CPU), runs[:1], pairs),
        "plain loop, channels last": _plain_loop(runs[0], pairs, torch.channels_last),
        "plain loop": _plain_loop(runs[0], pairs, torch.contiguous_format),
        "DataLoader, default Adam": _as_most_people_write_it(runs[0], pairs),
    }


def _with_engine(engine: Engine, runs: list[Run], pairs: Pairs) -> Callable[[int], object]:
    trainer = Trainer(runs, engine, CPU)
    stack = trainer.stack([pairs] * len(runs))
    return lambda epoch: trainer.train_epoch(stack, epoch)


def _plain_loop(run: Run, pairs: Pairs, layout: torch.memory_format) -> Callable[[int], object]:
    """Written with care: data in memory, fused Adam, PyTorch's dropout, sums without waiting."""
    network = _network(run, layout)
    optimizer = torch.optim.Adam(network.parameters(), lr=run.recipe.learning_rate, fused=True)
    inputs = pairs.inputs.contiguous(memory_format=layout)

    def train_epoch(_: int) -> tuple[Tensor, Tensor]:
        loss_sum, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        network.train()
        for batch in torch.split(torch.randperm(len(pairs)), run.recipe.batch_size):
            outputs = network(inputs[batch])
            loss = _loss(run, outputs, pairs.labels[batch], pairs.digits[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss_sum += loss.detach() * len(batch)
            correct += (outputs.comparison.argmax(dim=1) == pairs.labels[batch]).sum()
        return loss_sum, correct

    return train_epoch


def _as_most_people_write_it(run: Run, pairs: Pairs) -> Callable[[int], object]:
    network = _network(run, torch.contiguous_format)
    optimizer = torch.optim.Adam(network.parameters(), lr=run.recipe.learning_rate)
    loader = DataLoader(
        TensorDataset(pairs.inputs, pairs.labels, pairs.digits),
        batch_size=run.recipe.batch_size,
        shuffle=True,
    )

    def train_epoch(_: int) -> tuple[float, int]:
        loss_sum, correct = 0.0, 0
        network.train()
        for inputs, labels, digits in loader:
            optimizer.zero_grad()
            outputs = network(inputs)
            loss = _loss(run, outputs, labels, digits)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss_sum += loss.item() * len(labels)
            correct += (outputs.comparison.argmax(dim=1) == labels).sum().item()
        return loss_sum, correct

    return train_epoch


def _network(run: Run, layout: torch.memory_format) -> nn.Module:
    network: nn.Module = architecture(run.architecture).build(run.recipe.network)
    return network.to(memory_format=layout)  # type: ignore[call-overload, no-any-return]


def _loss(run: Run, outputs: Outputs, labels: Tensor, digits: Tensor) -> Tensor:
    loss = functional.cross_entropy(outputs.comparison, labels)
    if architecture(run.architecture).auxiliary_loss and outputs.digits is not None:
        loss = loss + functional.cross_entropy(outputs.digits[0], digits[:, 0])
        loss = loss + functional.cross_entropy(outputs.digits[1], digits[:, 1])
    return loss


def _sgemm_gflops() -> float:
    a, b = torch.ones(2, SGEMM_SIZE, SGEMM_SIZE)
    return 2 * SGEMM_SIZE**3 / _seconds(lambda: a @ b) / 1e9


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
