"""What is known of S runs after each epoch: scores, and which epoch was the best."""

import torch
from torch import Tensor

from mnistcmp.training.result import Epoch, Score
from mnistcmp.training.trainer import Scores

TRAINED, VALIDATED = 0, 1


class History:
    """Kept on the device, so that a GPU never waits to be asked."""

    def __init__(
        self, runs: int, epochs: int, device: torch.device, *, latest: bool = False
    ) -> None:
        """`latest`: every epoch counts as better than those before."""
        self._latest = latest
        self.epoch = torch.zeros((), dtype=torch.int64, device=device)
        """Of the next scores, counted from 0, on through the rounds."""
        self.best_epochs = torch.zeros(runs, dtype=torch.int64, device=device)
        """Counted from 1: of the most correct validation answers, the latest where several tie, or
        the latest of all; in this round."""
        self.validated = torch.zeros(runs, dtype=torch.int64, device=device)
        """Correct validation answers of the latest epoch, (S,)."""
        self._most_correct = torch.full((runs,), -1, device=device)
        self._losses = torch.zeros(2, runs, epochs, device=device)
        self._correct = torch.zeros(2, runs, epochs, dtype=torch.int64, device=device)

    def start_round(self) -> None:
        """Forgets the best epoch so far."""
        self._most_correct.fill_(-1)

    def note(self, trained: Scores, validated: Scores) -> Tensor:
        """Takes an epoch's scores; whether it is the best so far of each run, (S,)."""
        for part, scores in ((TRAINED, trained), (VALIDATED, validated)):
            column = self.epoch.view(1)
            self._losses[part].index_copy_(1, column, scores.losses[:, None])
            self._correct[part].index_copy_(1, column, scores.correct[:, None])
        better = (validated.correct >= self._most_correct) | self._latest
        self.epoch.add_(1)
        self.validated.copy_(validated.correct)
        torch.maximum(self._most_correct, validated.correct, out=self._most_correct)
        torch.where(better, self.epoch, self.best_epochs, out=self.best_epochs)
        return better

    def epochs(self, training: int, validation: int) -> list[tuple[Epoch, ...]]:
        """Each run's epochs, of so many training and validation pairs."""
        train_scores = _scores(self._losses[TRAINED], self._correct[TRAINED], training)
        validation_scores = _scores(self._losses[VALIDATED], self._correct[VALIDATED], validation)
        return [
            tuple(Epoch(train=t, validation=v) for t, v in zip(*own, strict=True))
            for own in zip(train_scores, validation_scores, strict=True)
        ]


def _scores(losses: Tensor, correct: Tensor, pairs: int) -> list[list[Score]]:
    return [
        [Score(loss=loss, accuracy=right / pairs) for loss, right in zip(*own, strict=True)]
        for own in zip(losses.tolist(), correct.tolist(), strict=True)
    ]
