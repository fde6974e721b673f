"""The study that faults are injected into."""

from pathlib import Path

from mnistcmp.results.store import ResultsStore

RUNS = 51
STUDY = """\
name = "chaos"
architectures = ["siamese-shared", "baseline", "odd:Odd"]
seeds = "0-16"

[recipes.short]
epochs = 5
"""
LAUNCH = "launch", "chaos.toml", "--json-lines", "--run-timeout", "20"
"""Started in the folder of the study."""

ODD = '''
import os
import time
import torch

WISHES = os.environ.get("CHAOS_WISHES", "/tmp/wishes")
WISHED = "raise", "hang", "nan", "eat"


class Odd(torch.nn.Module):
    """Does the odd things that files ask for by their name; each is asked for once."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(392, 2)

    def forward(self, pairs):
        return self.layer(pairs.flatten(1))

    def train(self, mode=True):
        # In a worker, and not where it is looked at before a launch.
        for wish in WISHED if "MNISTCMP_NETWORK" in os.environ else ():
            try:
                os.rename(f"{WISHES}/{wish}", f"{WISHES}/{wish}-{time.time_ns()}")
            except OSError:
                continue
            getattr(self, wish)()
        return super().train(mode)

    def hang(self):
        while True:
            time.sleep(1)

    def nan(self):
        with torch.no_grad():
            self.layer.weight.fill_(float("nan"))

    def eat(self):
        eaten = []
        while True:
            eaten.append(b"x" * 50_000_000)
            time.sleep(0.1)

setattr(Odd, "raise", lambda self: [][0])
'''
"""A user's network that goes wrong when it is told to."""

Metrics = dict[str, tuple[float, ...]]


def write_study(folder: Path) -> str:
    """The study's file, beside its network."""
    (folder / "odd.py").write_text(ODD, encoding="utf-8")
    path = folder / "chaos.toml"
    path.write_text(STUDY, encoding="utf-8")
    return str(path)


def metrics(output: str) -> Metrics:
    """Each run's numbers, of those that did not diverge."""
    names = "train_loss", "validation_loss", "test_loss", "test_accuracy"
    return {
        row["run_id"]: tuple(row[name] for name in names)
        for row in ResultsStore(output).read("runs").to_pylist()
        if row["diverged_epoch"] is None
    }
