"""The convolutional network that looks at an image, or at a pair of them as two channels."""

from collections import OrderedDict
from collections.abc import Iterator

from torch import nn


def branch(channels: int, outputs: int, *, regularised: bool = True) -> nn.Sequential:
    """A network from (N, channels, 14, 14) to (N, outputs), as in the report's reference code.

    The two leading convolutions have nothing between them. Without `regularised` it has neither
    dropout nor batch norm.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(channels, 4, 2),
        conv2=nn.Conv2d(4, 16, 2),
        pool1=nn.MaxPool2d(2),
        relu1=nn.ReLU(),
        norm1=nn.BatchNorm2d(16),
        conv3=nn.Conv2d(16, 64, 3),
        pool2=nn.MaxPool2d(2),
        relu2=nn.ReLU(),
        norm2=nn.BatchNorm2d(64),
        flatten=nn.Flatten(),
        linear1=nn.Linear(256, 170),
        dropout1=nn.Dropout(0.30),
        relu3=nn.ReLU(),
        norm3=nn.BatchNorm1d(170),
        linear2=nn.Linear(170, 90),
        dropout2=nn.Dropout(0.20),
        relu4=nn.ReLU(),
        norm4=nn.BatchNorm1d(90),
        linear3=nn.Linear(90, outputs),
    )
    return nn.Sequential(layers if regularised else OrderedDict(_without_regularisation(layers)))


def _without_regularisation(
    layers: OrderedDict[str, nn.Module],
) -> Iterator[tuple[str, nn.Module]]:
    for name, layer in layers.items():
        if not isinstance(layer, nn.Dropout | nn.BatchNorm1d | nn.BatchNorm2d):
            yield name, layer
