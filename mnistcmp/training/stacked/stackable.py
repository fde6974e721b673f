"""What the stacked engine can train: asked for plans too, so without torch."""

from mnistcmp.networks.architectures import TABLE1_ARCHITECTURES
from mnistcmp.study.recipe import Recipe

STACKABLE = set(TABLE1_ARCHITECTURES)
"""Architectures that have a stacked layer for each of theirs, whatever the recipe."""


def is_stackable(architecture: str, recipe: Recipe) -> bool:
    """Whether many runs can be trained as one network; others are trained plainly, run by run.

    Windows are cut from images that stay as they are, and Winograd's transforms lose too many bits
    in bfloat16.
    """
    kept_images = recipe.augmentation == "none"
    return architecture in STACKABLE and kept_images and recipe.precision == "float32"
