"""The convolutional network that looks at an image, or at a pair of them as two channels."""

from collections import OrderedDict

from torch import nn

from mnistcmp.models.blocks import activation, dropout
from mnistcmp.network import NetworkOptions


def branch(channels: int, outputs: int, options: NetworkOptions) -> nn.Sequential:
    """A network from (N, channels, 14, 14) to (N, outputs), as in the report's reference code.

    The two leading convolutions have nothing between them.
    """
    return nn.Sequential(
        OrderedDict(
            [
                ("conv1", nn.Conv2d(channels, 4, 2)),
                ("conv2", nn.Conv2d(4, 16, 2)),
                ("pool1", nn.MaxPool2d(2)),
                *activation(1, nn.BatchNorm2d(16), options),
                *dropout("conv_dropout1", options.conv_dropout),
                ("conv3", nn.Conv2d(16, 64, 3)),
                ("pool2", nn.MaxPool2d(2)),
                *activation(2, nn.BatchNorm2d(64), options),
                *dropout("conv_dropout2", options.conv_dropout),
                ("flatten", nn.Flatten()),
                ("linear1", nn.Linear(256, 170)),
                *dropout("dropout1", options.branch_dropout[0]),
                *activation(3, nn.BatchNorm1d(170), options),
                ("linear2", nn.Linear(170, 90)),
                *dropout("dropout2", options.branch_dropout[1]),
                *activation(4, nn.BatchNorm1d(90), options),
                ("linear3", nn.Linear(90, outputs)),
            ]
        )
    )
