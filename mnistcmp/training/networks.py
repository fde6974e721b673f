"""A run's network as it is before training, its dropout seeded."""

import torch
from torch import nn

from mnistcmp.networks.architectures import architecture
from mnistcmp.networks.layers import layer_table
from mnistcmp.seeding import Stream, seeded_torch, stream_keys
from mnistcmp.study.study import Run
from mnistcmp.training.dropout import SeededDropout, seed_dropout

CPU = torch.device("cpu")


def build_network(run: Run) -> tuple[nn.Module, list[SeededDropout]]:
    """The run's network on the CPU, and its dropout layers.

    Weights are drawn on the CPU, so that they are the same whatever the device. An own network
    keeps its dropout layers, which may be used in ways that the seeded ones do not know of: it
    draws from torch's default generator, which starts at the run's seed too.
    """
    entry = architecture(run.architecture)
    with seeded_torch(run.seed, Stream.WEIGHTS, CPU):
        network = entry.build(run.recipe.network)
    if entry.custom:
        return network, []
    uses = {row.name: row.uses for row in layer_table(network)}
    key = stream_keys([run.seed], Stream.DROPOUT, CPU)
    return network, seed_dropout(network, uses, key, run.recipe.batch_size)
