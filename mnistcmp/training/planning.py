"""What plans ask of training, without torch: what can be stacked, and about how long runs take."""

from mnistcmp.networks.architectures import TABLE1_ARCHITECTURES
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Study

MEASURED_ON = "one thread of a 2-core AMD EPYC"
MICROSECONDS_PER_EPOCH_AND_PAIR = {
    "baseline": 34,
    "siamese-shared": 44,
    "siamese-shared-aux": 46,
    "siamese-separate": 51,
    "siamese-separate-aux": 50,
    "digits-exact": 550,
}
"""Of a run, its share of a stack of ten where it is stacked; validation included, default recipe,
while another thread trained too, torch 2.13.0."""
PLAIN = 4.0
"""How many times longer the built-in networks of the report take in the plain engine."""


def is_stackable(architecture: str, recipe: Recipe) -> bool:
    """Whether many runs can be trained as one network; others are trained plainly, run by run.

    Windows are cut from images that stay as they are, and Winograd's transforms lose too many bits
    in bfloat16.
    """
    kept_images = recipe.augmentation == "none"
    return architecture in TABLE1_ARCHITECTURES and kept_images and recipe.precision == "float32"


def seconds_of_a_run(name: str, recipe: Recipe) -> float:
    """How long one processor takes for a run of that architecture.

    Each epoch is taken to cost what its training pairs cost in batches of 32. Tests, drawing pairs
    and start-up are left out. What a custom network does is not known; it is taken to be slow.
    """
    slowest = max(MICROSECONDS_PER_EPOCH_AND_PAIR.values())
    microseconds = float(MICROSECONDS_PER_EPOCH_AND_PAIR.get(name, slowest))
    if is_stackable(name, Recipe()) and not is_stackable(name, recipe):
        microseconds *= PLAIN
    return microseconds * recipe.all_epochs * recipe.train_pairs / 1e6


def estimated_seconds(study: Study) -> float:
    """Seconds of one processor for all of a study's runs, but for start-up."""
    seconds_of_a_seed = sum(seconds_of_a_run(c.architecture, c.recipe) for c in study.conditions)
    return len(study.seeds) * seconds_of_a_seed
