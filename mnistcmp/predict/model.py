"""Which stored network answers, and what it says of two digits."""

from dataclasses import dataclass
from itertools import chain
from math import isfinite

import torch
from torch import Tensor

from mnistcmp.errors import UserError
from mnistcmp.networks.architectures import architecture
from mnistcmp.predict.images import Digit
from mnistcmp.results.store import ResultsStore
from mnistcmp.results.weights import StoredWeights
from mnistcmp.study.sources import verify_launched_source


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A run whose weights are stored, and why it was taken."""

    weights: StoredWeights
    validation_accuracy: float
    candidates: int
    """Stored weights that it is the best of, by validation accuracy; itself counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a network says of two digits."""

    probability: float
    """Of "the first digit is less than or equal to the second"."""
    digits: tuple[tuple[float, ...], tuple[float, ...]] | None
    """For each image the probabilities of 0 to 9; None where no branch is trained to name them."""


def choose_model(
    store: ResultsStore, architecture_name: str | None = None, seed: int | None = None
) -> Model:
    """The run of the best validation accuracy whose weights are stored, of those asked for.

    Ties go to the smaller validation loss. The test pairs have no say.

    Raises:
        UserError: There are no results, or none with weights that is asked for; or the best is of
            a custom network whose source is not there any more.
    """
    store.check_exists()
    columns = ["run_id", "architecture", "seed", "validation_accuracy", "validation_loss"]
    runs = store.read("runs", [*columns, "diverged_epoch"]).to_pandas()
    diverged = int(runs["diverged_epoch"].notna().sum())
    without = f"Runs that diverged ({diverged}) have none. " if diverged else ""
    runs = runs[runs["run_id"].isin(store.weighted_run_ids())]
    if runs.empty:
        raise UserError(
            f"{store.location} has no weights: they are kept where a launch asks for them. "
            f"{without}Run 'mnistcmp launch --weights best' with another --output, or with --fresh."
        )
    chosen, asked = runs, []
    if architecture_name is not None:
        chosen = chosen[chosen["architecture"] == architecture(architecture_name).name]
        asked.append(f"--architecture {architecture_name}")
    if seed is not None:
        chosen = chosen[chosen["seed"] == seed]
        asked.append(f"--seed {seed}")
    if chosen.empty:
        there = ", ".join(sorted(set(runs["architecture"])))
        raise UserError(
            f"{store.location} has no weights for {' '.join(asked)}. It has {len(runs)} runs' "
            f"weights, of {there}. {without}".rstrip()
        )
    order = ["validation_accuracy", "validation_loss", "architecture", "seed"]
    best = chosen.sort_values(order, ascending=[False, True, True, True]).iloc[0]
    verify_launched_source(best["architecture"], store.launches())
    return Model(
        weights=store.read_weights(best["run_id"]),
        validation_accuracy=float(best["validation_accuracy"]),
        candidates=len(chosen),
    )


@torch.inference_mode()
def answer(weights: StoredWeights, first: Digit, second: Digit) -> Answer:
    """What the network with these weights says of two digits.

    Raises:
        UserError: The weights are not those of its architecture, as this mnistcmp has it, or are
            too large to answer with.
    """
    entry = architecture(weights.run.architecture)
    options = entry.effective_options(weights.run.recipe.network)
    network = entry.build(options).eval()
    try:
        network.load_state_dict({n: torch.from_numpy(t) for n, t in weights.tensors.items()})
    except (RuntimeError, TypeError) as error:
        raise UserError(
            f"the stored weights of {entry.name} seed {weights.run.seed} do not fit the network "
            "of that name in this mnistcmp. Take the mnistcmp that trained them."
        ) from error
    pair = torch.stack([torch.from_numpy(digit.pixels) for digit in (first, second)])[None]
    outputs = network(pair.sub(weights.mean).div(weights.deviation))
    digits = None
    if entry.auxiliary_loss is not False and outputs.digits is not None:
        already = options.branches_end_in_softmax
        of_first, of_second = (_probabilities(s, already=already) for s in outputs.digits)
        digits = of_first, of_second
    (_, probability) = _probabilities(outputs.comparison, already=options.head_ends_in_softmax)
    if not all(map(isfinite, chain([probability], *(digits or ())))):
        raise UserError(
            f"{entry.name} seed {weights.run.seed} computes no finite number for these images: its "
            "weights are too large. Take another with --seed or --architecture."
        )
    return Answer(probability=probability, digits=digits)


def _probabilities(scores: Tensor, *, already: bool) -> tuple[float, ...]:
    """Of the one pair, from scores (1, K)."""
    of_pair: list[float] = (scores if already else scores.softmax(dim=1))[0].tolist()
    return tuple(of_pair)
