"""How long a study takes, about."""

from mnistcmp.study.plan import Study

MEASURED_ON = "one thread of a 2-core AMD EPYC"

MICROSECONDS_PER_EPOCH_AND_PAIR = {
    "baseline": 83,
    "baseline-plain": 67,
    "siamese-shared": 165,
    "siamese-shared-aux": 172,
    "siamese-separate": 183,
    "siamese-separate-aux": 175,
    "digits-exact": 500,
}
"""CPU time of `mnistcmp.training.train` over epochs and training pairs, validation included: the
least of at least three runs of 6 epochs with the default recipe, torch 2.13.0. With these, Table
I's 50 runs are 19.5 minutes of one thread; they took 9.5 minutes on two."""

OF_OTHERS = max(MICROSECONDS_PER_EPOCH_AND_PAIR.values())
"""An own network's, which nobody knows."""


def estimated_seconds(study: Study) -> float:
    """Seconds of one processor for all of a study's runs.

    Each epoch is taken to cost what its training pairs cost in batches of 32. Tests, drawing pairs
    and start-up are left out: some seconds.
    """
    of_a_seed = sum(
        MICROSECONDS_PER_EPOCH_AND_PAIR.get(condition.architecture, OF_OTHERS)
        * condition.recipe.rounds
        * condition.recipe.epochs
        * condition.recipe.train_pairs
        for condition in study.conditions
    )
    return len(study.seeds) * of_a_seed / 1e6
