"""How fast training is: the stacked engine beside plain loops, in one process, interleaved."""

import time
from collections.abc import Callable, Iterable, Iterator
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
from mnistcmp.training.process import one_thread
from mnistcmp.training.stacked.engine import StackedEngine

CPU = torch.device("cpu")
SGEMM_SIZE = 2048
STACKED = "stacked"
"""The way that the others are compared with."""

TrainEpoch = Callable[[int], object]
"""Trains the epoch of that number."""
Batches = Iterable[tuple[Tensor, Tensor, Tensor]]
"""Inputs, labels and digits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """One way of training one architecture, on one processor core."""

    architecture: str
    way: str
    milliseconds: float
    """Per step of one model: forward, backward, optimizer, batch and metrics. Median of rounds."""
    mfu: float
    """Model FLOP utilisation: the arithmetic of the layers as written, forward once and backward
    twice that, per second, over the rate of a matrix product in the same process. 0 to 1, and above
    where an engine gets along with less arithmetic."""
    times_slower: float
    """Than the stacked engine: the median of the rounds' ratios."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """What `measure_speed` found."""

    sgemm_gflops: float
    """A product of two float32 matrices of 2048 x 2048 on one core. Median of rounds."""
    timings: tuple[Timing, ...]


@one_thread()
def measure_speed(
    architectures: tuple[str, ...], mnist: Mnist, *, rounds: int, width: int
) -> Speed:
    """Trains an epoch of each architecture in each way, in turn, on the pairs of seed 0.

    So many rounds are measured, after one that is not; `width` is that of a stack.
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
    models = width if way == STACKED else 1
    per_step = median(seconds) / (recipe.steps / recipe.epochs) / models
    slower = median(w * width / models / s for w, s in zip(seconds, stacked, strict=True))
    return Timing(
        architecture=name,
        way=way,
        milliseconds=1000 * per_step,
        mfu=_step_flops(name) / per_step / (sgemm * 1e9),
        times_slower=slower,
    )


def _step_flops(name: str) -> int:
    """Of a training step of one model on a full batch, its layers as written."""
    recipe = Recipe()
    network = architecture(name).build(recipe.network)
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(recipe.batch_size, 2, 14, 14))
    # Backward, each layer has a gradient for its inputs and one for its weights.
    return 3 * int(counter.get_total_flops())


def _ways(name: str, mnist: Mnist, width: int) -> dict[str, TrainEpoch]:
    """Each trains one model; the stacked one `width`."""
    recipe = Recipe()
    runs = [Run(architecture=name, seed=seed, recipe=recipe) for seed in range(width)]
    pairs = draw_pair_sets(mnist, 0, recipe).train
    tensors = TensorDataset(pairs.inputs, pairs.labels, pairs.digits)
    loader = DataLoader(tensors, batch_size=recipe.batch_size, shuffle=True)
    return {
        STACKED: _with_engine(StackedEngine(runs, CPU), runs, pairs),
        "plain engine": _with_engine(PlainEngine(runs[0], CPU), runs[:1], pairs),
        "plain loop, channels last": _careful_loop(runs[0], pairs, torch.channels_last),
        "plain loop": _careful_loop(runs[0], pairs, torch.contiguous_format),
        "DataLoader, default Adam": _loop(runs[0], lambda: loader, torch.contiguous_format),
    }


def _with_engine(engine: Engine, runs: list[Run], pairs: Pairs) -> TrainEpoch:
    stack = engine.stack([pairs] * len(runs))
    return lambda epoch: engine.train_epoch(stack, epoch)


def _careful_loop(run: Run, pairs: Pairs, layout: torch.memory_format) -> TrainEpoch:
    """With data in memory and fused Adam."""
    inputs = pairs.inputs.contiguous(memory_format=layout)

    def batches() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for batch in torch.split(torch.randperm(len(pairs)), run.recipe.batch_size):
            yield inputs[batch], pairs.labels[batch], pairs.digits[batch]

    return _loop(run, batches, layout, fused=True)


def _loop(
    run: Run, batches: Callable[[], Batches], layout: torch.memory_format, *, fused: bool = False
) -> TrainEpoch:
    """As most people write it, apart from where batches come from."""
    entry = architecture(run.architecture)
    network: nn.Module = entry.build(run.recipe.network).to(memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=run.recipe.learning_rate, fused=fused)

    def train_epoch(_: int) -> tuple[float, int]:
        loss_sum, correct = 0.0, 0
        network.train()
        for inputs, labels, digits in batches():
            optimizer.zero_grad()
            outputs: Outputs = network(inputs)
            loss = functional.cross_entropy(outputs.comparison, labels)
            if entry.auxiliary_loss and outputs.digits is not None:
                loss = loss + functional.cross_entropy(outputs.digits[0], digits[:, 0])
                loss = loss + functional.cross_entropy(outputs.digits[1], digits[:, 1])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss_sum += loss.item() * len(labels)
            correct += int((outputs.comparison.argmax(dim=1) == labels).sum())
        return loss_sum, correct

    return train_epoch


def _sgemm_gflops() -> float:
    a, b = torch.ones(2, SGEMM_SIZE, SGEMM_SIZE)
    return 2 * SGEMM_SIZE**3 / _seconds(lambda: a @ b) / 1e9


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
