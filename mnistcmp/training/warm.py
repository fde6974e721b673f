"""What a process does once before its first training, done ahead of it."""

import numpy as np
import torch

from mnistcmp.data.mnist import Digits, Mnist
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Run
from mnistcmp.training.training import train

PAIRS = 10


def warm_up() -> None:
    """Trains two small networks on noise, so that the loops are compiled, or read from the disk."""
    noise = np.random.default_rng(0).random((2 * PAIRS, 14, 14), np.float32)
    digits = Digits(images=noise, labels=np.arange(2 * PAIRS) % 10)
    recipe = Recipe(epochs=1, train_pairs=PAIRS, test_pairs=PAIRS, batch_size=4)
    for name in ("baseline", "siamese-shared"):
        run = Run(architecture=name, seed=0, recipe=recipe)
        train([run], Mnist(train=digits, test=digits), torch.device("cpu"))
