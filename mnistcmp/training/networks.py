"""A run's network as it is before training, its dropout seeded."""

import torch
from torch import nn

from mnistcmp.architectures import architecture
from mnistcmp.models import layer_table
from mnistcmp.seeding import Stream, seeded_torch, stream_keys
from mnistcmp.study import Run
from mnistcmp.training.dropout import SeededDropout, seed_dropout

CPU = torch.device("cpu")


def build_network(run: Run) -> tuple[nn.Module, list[SeededDropout]]:
    """The run's network on the CPU, and its dropout layers.

    Weights are drawn on the CPU, so that they are the same whatever the device.
    """
    with seeded_torch(run.seed, Stream.WEIGHTS, CPU):
        network = architecture(run.architecture).build(run.recipe.network)
    uses = {row.name: row.uses for row in layer_table(network)}
    key = stream_keys([run.seed], Stream.DROPOUT, CPU)
    return network, seed_dropout(network, uses, key, run.recipe.batch_size)
