"""From command-line options to a study."""

from pathlib import Path
from typing import Any

from mnistcmp.cli.options import check_points
from mnistcmp.errors import UserError, look_up
from mnistcmp.study.file import build_study, read_study
from mnistcmp.study.named import STUDIES, TABLE1
from mnistcmp.study.recipe import RECIPES, Recipe
from mnistcmp.study.seeds import parse_seeds
from mnistcmp.study.study import Study
from mnistcmp.study.until import until_clear as rule_until_clear

ALL = "all"
"""In place of a study's name."""

MOST_SEEDS = 40
"""That --until-clear adds, where --max-seeds does not say."""
LONGEST_NAME = 60
"""A study's name is a folder's too; beyond this, the recipe's hash stands for its changes."""


def select_studies(
    study_file: Path | None,
    *,
    names: list[str] | None = None,
    everything: bool = False,
    architectures: list[str] | None,
    seeds: str | None,
    epochs: int | None,
    recipe: str | None,
    until_clear: float | None = None,
    most_seeds: int | None = None,
) -> list[Study]:
    """Table I, the named studies or the study of a file, with what the options change.

    A study whose recipes the options change gets another name, and so another results folder.

    Raises:
        UserError: An option or the file is wrong, or two options contradict each other.
    """
    if everything and (architectures or study_file or names):
        other = "--architecture" if architectures else "--study" if names else "a study file"
        raise UserError(f"--all is the whole Table I and cannot go with {other}. Take one of them.")
    if study_file and names:
        raise UserError("--study and a study file cannot go together. Take one of them.")
    if most_seeds is not None and until_clear is None:
        raise UserError(
            "--max-seeds is how many seeds --until-clear adds at most. Take both, or --seeds."
        )
    if seeds is not None and until_clear is not None:
        raise UserError(
            "--seeds are all trained, and --until-clear adds seeds, up to --max-seeds. Take one."
        )
    bases = [read_study(study_file)] if study_file else _named_studies(names or [TABLE1.name])
    studies = [_changed(base, architectures, seeds, epochs, recipe) for base in bases]
    if until_clear is None:
        return studies
    most = MOST_SEEDS if most_seeds is None else most_seeds
    return [_ruled(study, until_clear, most) for study in studies]


def _ruled(study: Study, margin: float, most_seeds: int) -> Study:
    """A study whose seeds are added until it is answered, under a name of its own.

    Other seeds of the study were not chosen by that rule, and are kept apart.
    """
    check_points("--until-clear", margin, example="1.0")
    if most_seeds < 2:  # noqa: PLR2004 - as the message says
        raise UserError(
            f"--max-seeds {most_seeds}: expected 2 or more, since one seed does not say how sure a "
            "difference is."
        )
    content = study.to_toml_dict() | {
        "name": f"{study.name}-until-{margin:g}-of-{most_seeds}",
        "seeds": parse_seeds(str(most_seeds)),
        "until_clear": rule_until_clear(margin, most_seeds).model_dump(),
    }
    return build_study(content)


def _named_studies(names: list[str]) -> list[Study]:
    """Each once, in the order given."""
    if ALL in names:
        return list(STUDIES.values())
    return [look_up("study", name, STUDIES, ALL) for name in dict.fromkeys(names)]


def _changed(
    base: Study,
    architectures: list[str] | None,
    seeds: str | None,
    epochs: int | None,
    recipe: str | None,
) -> Study:
    content = base.to_toml_dict()
    if architectures:
        content["architectures"] = list(dict.fromkeys(architectures))
        if base.reference not in base.recipes:
            # It named a condition, which may be gone or have another name now.
            content.pop("reference", None)
        # Sources that the base names are held to; those of architectures left out say nothing.
        content["sources"] = {n: d for n, d in base.sources.items() if n in architectures}
    if seeds is not None:
        content["seeds"] = parse_seeds(seeds)
    changes: dict[str, Any] = {} if recipe is None else _fields_of(recipe, base)
    if epochs is not None:
        changes["epochs"] = epochs
    content["recipes"] = {name: fields | changes for name, fields in content["recipes"].items()}
    study = build_study(content)
    return study if study.recipes == base.recipes else _renamed(study, base, changes)


def _fields_of(recipe: str, base: Study) -> dict[str, Any]:
    """What a named recipe sets in every recipe of a study.

    It takes the place of a study's only one. In each of several it sets where softmax stands, and
    one that differs from the default in more than that is refused.
    """
    fields = look_up("recipe", recipe, RECIPES).model_dump(mode="json")
    if len(base.recipes) == 1:
        return fields
    if others := RECIPES[recipe].changes().keys() - {"softmax"}:
        allowed = [name for name, r in RECIPES.items() if r.changes().keys() <= {"softmax"}]
        raise UserError(
            f"--recipe {recipe} sets {' and '.join(sorted(others))}, which the recipes of "
            f"{base.name} may vary themselves. Allowed in a study of several recipes: "
            f"{', '.join(allowed)}."
        )
    return {"softmax": fields["softmax"]}


def _renamed(study: Study, base: Study, changes: dict[str, Any]) -> Study:
    """A changed study under a name that says what was changed."""
    changed = Recipe.model_validate(changes) if len(base.recipes) > 1 else study.recipe
    name = f"{base.name}-{changed.label}"
    if len(name) > LONGEST_NAME:
        name = f"{base.name[:LONGEST_NAME]}-{changed.hash}"
    return study.model_copy(update={"name": name})
