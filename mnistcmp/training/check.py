"""Checks a custom network before it is trained: what a training would stumble over, in one line."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from mnistcmp.errors import UserError, in_short
from mnistcmp.networks.architectures import architecture
from mnistcmp.networks.custom import ANY_ERROR, staying
from mnistcmp.networks.outputs import Outputs, OutputsError
from mnistcmp.seeding import Stream, seeded_torch
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run
from mnistcmp.training.engine import EVALUATION_BATCH
from mnistcmp.training.plain import CPU, PlainEngine, build_network
from mnistcmp.training.training import storable

Found = TypeVar("Found")


def check_network(name: str, recipe: Recipe, *, keep_weights: bool = False) -> Outputs:
    """A custom network's outputs for a pair, after it was built twice and trained for a step.

    Raises:
        UserError: It cannot be trained under the recipe, and why.
    """
    run = Run(architecture=name, seed=0, recipe=recipe)
    network = _attempt(name, lambda: build_network(run))
    parameters = list(network.parameters())
    if not any(parameter.requires_grad for parameter in parameters):
        lack = "none of its parameters is trainable" if parameters else "it has no parameters"
        raise UserError(
            f"'{name}' cannot be trained: {lack}. They are those of the layers that it has as "
            "attributes, with requires_grad."
        )
    _check_seeding(name, recipe)
    copies = {tensor: tensor.clone() for tensor in (*parameters, *network.buffers())}
    engine, loss = _check_steps(name, run)
    if any(
        tensor in copies and (tensor.requires_grad or not torch.equal(tensor, copies[tensor]))
        for tensor in (*engine.network.parameters(), *engine.network.buffers())
    ):
        raise UserError(
            f"'{name}' gives the same network each time, or one with parts of an earlier one, so "
            "runs would go on with each other's weights. Make all of it anew in each call."
        )
    if not torch.equal(_check_steps(name, run)[1], loss):
        raise UserError(
            f"'{name}' gives other numbers the second time with the same seed. Draw random numbers "
            "from torch's default generator alone, which is seeded for each run."
        )
    if keep_weights:
        storable(name, _attempt(name, lambda: engine.state(0)))
    _attempt(name, engine.network.eval)
    with seeded_torch(run.seed, Stream.DROPOUT, CPU), torch.inference_mode():
        outputs = _outputs(name, engine.network, EVALUATION_BATCH)
        if not all(part.isfinite().all() for part in (outputs.comparison, *(outputs.digits or ()))):
            raise UserError(
                f"'{name}' gives outputs that are not finite in evaluation, after a step of "
                "training. They have to be finite with eval() too."
            )
        return _outputs(name, engine.network, 1)


def _check_seeding(name: str, recipe: Recipe) -> None:
    """Sees whether the generator is at one place after both of two seeds."""
    states = []
    for seed in range(2):
        with seeded_torch(seed, Stream.WEIGHTS, CPU):
            network = architecture(name).build(recipe.network)
            _outputs(name, network, recipe.batch_size)
            states.append(torch.get_rng_state())
    if torch.equal(*states):
        raise UserError(
            f"'{name}' seeds torch itself, so that all seeds would draw the same numbers. Leave "
            "torch.manual_seed out: each run has its seed already."
        )


def _check_steps(name: str, run: Run) -> tuple[PlainEngine, Tensor]:
    """Trains on a batch of each size that an epoch has; the loss (1,) of the first.

    It starts as a training does, so that a step is the one of a training.
    """
    with seeded_torch(run.seed, Stream.DROPOUT, CPU):
        engine = _attempt(name, lambda: PlainEngine(run, CPU))
        _attempt(name, engine.network.train)
        whole, rest = run.recipe.batch_size, run.recipe.split_size % run.recipe.batch_size
        losses = [_check_batch(name, engine, pairs) for pairs in (whole, rest) if pairs]
    return engine, losses[0]


def _check_batch(name: str, engine: PlainEngine, pairs: int) -> Tensor:
    """Trains on one batch of random pairs; its loss (1,)."""
    _outputs(name, engine.network, pairs)
    inputs = engine.prepare(torch.randn(1, pairs, 2, 14, 14))
    labels, digits = torch.randint(2, (1, pairs)), torch.randint(10, (1, pairs, 2))
    every = torch.arange(pairs)[None]
    losses = _attempt(name, lambda: engine.losses(engine.forward(inputs, every), labels, digits))
    if not losses.isfinite().all():
        raise UserError(
            f"'{name}' gives a loss of {losses.item()} on pairs of mean 0 and deviation 1, before "
            "training. Its outputs have to be finite."
        )
    if losses.requires_grad:
        _attempt(name, lambda: engine.update(losses))
    gradients = [parameter.grad for parameter in engine.network.parameters()]
    if not any(gradient is not None and gradient.any() for gradient in gradients):
        raise UserError(
            f"'{name}' cannot be trained: no gradient reaches any of its parameters. Something "
            "between them and the outputs cuts it off, as detach, argmax and no_grad do."
        )
    return losses.detach()


def _outputs(name: str, network: nn.Module, pairs: int) -> Outputs:
    """The network's outputs for so many random pairs, their shapes checked."""
    try:
        outputs: Outputs = _attempt(name, lambda: network(torch.randn(pairs, 2, 14, 14)))
        found = [
            tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            for output in (outputs.comparison, *(outputs.digits or ()))
        ]
        if found != [(pairs, 2), (pairs, 10), (pairs, 10)][: len(found)]:
            raise OutputsError(" and ".join(map(str, found)))  # noqa: TRY301 - said below
    except OutputsError as error:
        raise UserError(
            f"'{name}' returns {error} for {pairs} pairs; expected are logits ({pairs}, 2), or a "
            f"tuple of these and both digits' outputs, ({pairs}, 10) each."
        ) from error
    return outputs


def _attempt(name: str, work: Callable[[], Found]) -> Found:
    """The work's result; what the network's code raises becomes one line."""
    try:
        with staying():
            return work()
    except (UserError, OutputsError):
        raise
    except ANY_ERROR as error:
        raise UserError(
            f"'{name}' raises {in_short(error)}. It is given pairs, (N, 2, 14, 14), and has to "
            "return logits, (N, 2)."
        ) from error
