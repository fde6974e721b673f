"""From command-line options to a study."""

from pathlib import Path
from typing import Any

from mnistcmp.errors import UserError
from mnistcmp.study import TABLE1, Study, build_study, named_recipe, parse_seeds, read_study

LONGEST_NAME = 60
"""A study's name is a folder's too; beyond this, the recipe's hash stands for its changes."""


def select_study(
    study_file: Path | None,
    *,
    everything: bool,
    architectures: list[str] | None,
    seeds: str | None,
    epochs: int | None,
    recipe: str | None,
) -> Study:
    """Table I, or the study of a file, with what the options change.

    A study whose recipe the options change gets another name, and so another results folder.

    Raises:
        UserError: An option or the file is wrong, or two options contradict each other.
    """
    if everything and (architectures or study_file):
        other = "--architecture" if architectures else "a study file"
        raise UserError(f"--all is the whole Table I and cannot go with {other}. Take one of them.")
    base = read_study(study_file) if study_file else TABLE1
    chosen = named_recipe(recipe) if recipe is not None else base.recipe
    changes: dict[str, Any] = {"recipe": chosen.changes()}
    if epochs is not None:
        changes["recipe"]["epochs"] = epochs
    if architectures:
        changes["architectures"] = list(dict.fromkeys(architectures))
    if seeds is not None:
        changes["seeds"] = parse_seeds(seeds)
    study = build_study(base.model_dump() | changes)
    if study.recipe == base.recipe:
        return study
    name = f"{base.name}-{study.recipe.label}"
    if len(name) > LONGEST_NAME:
        name = f"{base.name[:LONGEST_NAME]}-{study.recipe.hash}"
    return study.model_copy(update={"name": name})


def default_output(study: Study) -> str:
    """The folder of a study's results where none is named and none is a cluster's."""
    return str(Path("results") / study.name)
