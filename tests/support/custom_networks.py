"""Networks of a user's own, right and wrong ones, as the text of a module."""

RIGHT = '''
import torch
from torch import nn


class Digits(nn.Module):
    """Names both digits, with dropout on both images folded into the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.digit = nn.Sequential(
            nn.Flatten(), nn.Linear(196, 30), nn.ReLU(), nn.Dropout(0.4), nn.LazyLinear(10)
        )
        self.compare = nn.Linear(20, 2)

    def forward(self, pairs):
        digits = self.digit(pairs.view(-1, 1, 14, 14)).view(-1, 2, 10)
        return self.compare(digits.flatten(1)), (digits[:, 0], digits[:, 1])


def plain() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(392, 2))


class Recurrent(nn.Module):
    """Has a layer that gives several tensors, and a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.LSTM(28, 8, batch_first=True)
        self.scale = nn.Parameter(torch.ones(1))
        self.head = nn.Linear(8, 2)

    def forward(self, pairs):
        rows, _ = self.rows(pairs.transpose(1, 2).reshape(pairs.size(0), 14, 28))
        first, last = rows.chunk(2, dim=1)
        return self.head(last[:, -1] * self.scale + first[:, 0])


class Short(nn.Sequential):
    """Has a parameter and a buffer of short numbers."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(392, 2))
        self.scale = nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
        self.register_buffer("offset", torch.full((2,), 0.1, dtype=torch.float8_e5m2))

    def forward(self, pairs):
        return super().forward(pairs) * self.scale.float() + self.offset.float()


class Undecided(nn.Linear):
    """Has code that depends on the values of its input."""

    def __init__(self) -> None:
        super().__init__(392, 2)

    def forward(self, pairs):
        return super().forward(pairs.flatten(1)) * (2 if pairs.sum() > 0 else 1)
'''
"""Which of them returns digits: `Digits` alone."""

WRONG = """
import asyncio
import functools
import os
import random
import sys
import torch
from torch import nn

number = 3
network = nn.Linear(2, 2)


def linear(outputs=2):
    return nn.Sequential(nn.Flatten(), nn.Linear(392, outputs))


def wants(size):
    return linear(size)


def gives_text():
    return "a network"


def without():
    return nn.Flatten()


def frozen():
    return linear().requires_grad_(False)


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = linear(10)

    def forward(self, pairs):
        return self.answer(self.linear(pairs))


class Raises(Own):
    def answer(self, found):
        raise ValueError("no\\nway")


class Garbles(Own):
    def answer(self, found):
        raise ValueError("\\udcff \\x1b[31m" + 1000 * "x")


class Switched(Own):
    def train(self, mode=True):
        raise ValueError("no such mode")

    def answer(self, found):
        return found[:, :2]


class Wide(Own):
    def answer(self, found):
        return found


class Few(Own):
    def answer(self, found):
        return found[:, :2], found


class Twos(Own):
    def answer(self, found):
        return found[:, :2], found[:, :2], found[:, :2]


class Dict(Own):
    def answer(self, found):
        return {"logits": found}


class Squeezed(Own):
    def answer(self, found):
        return found[:, :2].squeeze()


class Infinite(Own):
    def answer(self, found):
        return found[:, :2] / 0


class Detached(Own):
    def answer(self, found):
        return found[:, :2].detach()


class Random(Own):
    def answer(self, found):
        return found[:, :2] * random.random()


def kept(made=linear()):
    return made


half_kept = functools.partial(nn.Sequential, nn.Flatten(), nn.Linear(392, 2))


def norm_kept(norm=nn.BatchNorm1d(392, affine=False)):
    return nn.Sequential(nn.Flatten(), norm, nn.Linear(392, 2))


class SeedsItself(Own):
    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__()

    def answer(self, found):
        return found[:, :2]


class SeedsEachTime(Own):
    def answer(self, found):
        torch.manual_seed(0)
        return nn.functional.dropout(found[:, :2])


class Leaves(Own):
    def __init__(self) -> None:
        sys.exit()


class LeavesLater(Own):
    def answer(self, found):
        sys.exit("enough")


class LeavesAtOnce(Own):
    def __init__(self) -> None:
        os._exit(0)


class LeavesAtOnceLater(Own):
    def answer(self, found):
        os._exit(0)


class Cancelled(Own):
    def answer(self, found):
        raise asyncio.CancelledError("no Exception")


class Closes(Own):
    def __init__(self) -> None:
        raise GeneratorExit


class LeavesInTraining(Own):
    calls = 0

    def answer(self, found):
        self.calls += 1
        return found[:, :2] if self.calls < 9 else sys.exit(4)


class LeavesInEvaluation(Own):
    def answer(self, found):
        return found[:, :2] if self.training else sys.exit(3)


class Noted(Own):
    def get_extra_state(self):
        return {"note": 1}

    def set_extra_state(self, state):
        pass

    def answer(self, found):
        return found[:, :2]


class Refusing(Noted):
    def get_extra_state(self):
        raise ValueError("no state")


class Bodiless(Own):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("nothing", torch.zeros(2, device="meta"))

    def answer(self, found):
        return found[:, :2]


class Complex(Own):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("phase", torch.zeros(2, dtype=torch.complex64))

    def answer(self, found):
        return found[:, :2]


class Sparse(Complex):
    def __init__(self) -> None:
        super().__init__()
        self.phase = torch.eye(2).to_sparse()
"""
"""What each stumbles over is said by the tests."""

RAISING = """
import torch

class Raising(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.epochs = torch.nn.Linear(392, 2), 0
        self.error = ValueError("no third epoch")

    def train(self, mode=True):
        self.epochs += mode
        answer = 6 * 7
        if self.epochs == 3:
            print("it says this before it raises")
            raise self.error
        return super().train(mode)

    def forward(self, pairs):
        return self.layer(pairs.flatten(1))

class Leaving(Raising):
    def __init__(self):
        super().__init__()
        self.error = SystemExit(0)
"""
"""A module of networks that raise, or end their process, in the third epoch."""

PRINTING = """
import os
import sys
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(392, 2)
        print("from Python")
        os.write(1, b"from below it\\n")
        os.system("echo from a child")

    def forward(self, pairs):
        return self.layer(pairs.flatten(1))
"""
"""Prints, by every means there is."""
