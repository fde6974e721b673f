"""How long runs take, about: for plans, and for people who wonder whether to wait."""

from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Study
from mnistcmp.training.stacked.stackable import is_stackable

MEASURED_ON = "one thread of a 2-core AMD EPYC"

MICROSECONDS_PER_EPOCH_AND_PAIR = {
    "baseline": 34,
    "siamese-shared": 44,
    "siamese-shared-aux": 46,
    "siamese-separate": 51,
    "siamese-separate-aux": 50,
    "digits-exact": 550,
}
"""Time of a run, its share of a stack of ten where it is stacked, over epochs and training pairs,
validation included, with the default recipe; while another thread trained too, torch 2.13.0."""

PLAIN = 4.0
"""How many times longer the built-in networks of the report take in the plain engine."""


def seconds_of_a_run(name: str, recipe: Recipe) -> float:
    """How long one processor takes for a run of that architecture.

    Each epoch is taken to cost what its training pairs cost in batches of 32. Tests, drawing pairs
    and start-up are left out. What a custom network does is not known; it is taken to be slow.
    """
    slowest = max(MICROSECONDS_PER_EPOCH_AND_PAIR.values())
    microseconds = float(MICROSECONDS_PER_EPOCH_AND_PAIR.get(name, slowest))
    if is_stackable(name, Recipe()) and not is_stackable(name, recipe):
        microseconds *= PLAIN
    return microseconds * recipe.rounds * recipe.epochs * recipe.train_pairs / 1e6


def estimated_seconds(study: Study) -> float:
    """Seconds of one processor for all of a study's runs, but for start-up."""
    seconds_of_a_seed = sum(seconds_of_a_run(c.architecture, c.recipe) for c in study.conditions)
    return len(study.seeds) * seconds_of_a_seed
