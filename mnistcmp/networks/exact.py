"""A network that names both digits, and compares them by the rule of the task."""

from collections import OrderedDict

import torch
from torch import Tensor, fx, nn

from mnistcmp.networks.outputs import Outputs

CHANNELS = 1, 20, 32, 40, 48, 56
"""Of the image, and after each convolution."""
SIDE = 14 - 2 * (len(CHANNELS) - 1)
"""Pixels of a side that unpadded convolutions of 3 x 3 leave."""


def digit_network() -> nn.Sequential:
    """From an image (N, 1, 14, 14) to the logits of its digit, (N, 10)."""
    layers: list[tuple[str, nn.Module]] = []
    for number, channels in enumerate(CHANNELS[1:], start=1):
        layers += [
            (f"conv{number}", nn.Conv2d(CHANNELS[number - 1], channels, 3, bias=False)),
            (f"norm{number}", nn.BatchNorm2d(channels)),
            (f"relu{number}", nn.ReLU()),
        ]
    layers += [("flatten", nn.Flatten()), ("linear", nn.Linear(CHANNELS[-1] * SIDE**2, 10))]
    return nn.Sequential(OrderedDict(layers))


class ExactComparison(nn.Module):
    """One network for both images, together as one batch, and no head: the comparison is computed.

    Its probability is that of the digits' named probabilities, taken to be independent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.digit = digit_network()

    def forward(self, pairs: Tensor) -> Outputs:
        """Answers to pairs (N, 2, 14, 14); the comparison's are log-probabilities."""
        logits: Tensor = self.digit(pairs.flatten(0, 1).unsqueeze(1))
        first, second = logits.view(-1, 2, 10).unbind(1)
        return Outputs(log_comparison(first, second), digits=(first, second))


@fx.wrap
def log_comparison(first: Tensor, second: Tensor) -> Tensor:
    """Log-probabilities that the first digit is greater, and that it is less than or equal.

    P(first <= second) is the sum of P(first = i) P(second = j) over all i <= j.

    Args:
        first: Logits of the first digit, (N, 10).
        second: Of the second.

    Returns:
        (N, 2).
    """
    first, second = first.log_softmax(dim=1), second.log_softmax(dim=1)
    at_most = torch.logcumsumexp(first, dim=1)
    at_least = torch.logcumsumexp(first.flip(1), dim=1).flip(1)
    less_or_equal = torch.logsumexp(second + at_most, dim=1)
    greater = torch.logsumexp(second[:, :-1] + at_least[:, 1:], dim=1)
    return torch.stack([greater, less_or_equal], dim=1)
