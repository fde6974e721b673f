"""What is compared with what: two names of one study, or two results folders."""

from collections.abc import Iterable, Mapping

from mnistcmp.errors import UserError, unknown_name
from mnistcmp.report.groups import Group, read_groups
from mnistcmp.report.pairs import Side, SideBySide, compare
from mnistcmp.results.store import ResultsStore
from mnistcmp.study.study import Condition


def compare_in_study(store: ResultsStore, first: str, second: str) -> tuple[SideBySide, ...]:
    """Two conditions, or two architectures under each recipe, or two recipes of each architecture.

    Raises:
        UserError: A name is unknown, the two are of different kinds or the same, or they have no
            finished seed in common.
    """
    if first == second:
        raise UserError(f"'{first}' is named twice. Name two conditions, or two results folders.")
    groups = _groups(store)
    conditions = [group.condition for group in groups]
    left, right = (_named(name, conditions) for name in (first, second))
    subjects = [subject for subject in left if subject in right]
    if not subjects:
        raise UserError(
            f"'{first}' and '{second}' cannot be paired. Name two conditions, two architectures or "
            "two recipes of the study."
        )
    of = {group.condition: group for group in groups}
    return _compare_all(
        (
            subject,
            Side(name=first, group=of[left[subject]], store=store),
            Side(name=second, group=of[right[subject]], store=store),
        )
        for subject in subjects
    )


def compare_folders(first: ResultsStore, second: ResultsStore) -> tuple[SideBySide, ...]:
    """Every condition that both folders have: the same architecture under the same recipe.

    Where they have none in common and one recipe each, every architecture that both have.

    Raises:
        UserError: A folder has no results, or the two have nothing in common.
    """
    left, right = _groups(first), _groups(second)
    pairs = _matched(left, right, by_recipe=True)
    if not pairs and _recipes(left) == _recipes(right) == 1:
        pairs = _matched(left, right, by_recipe=False)
    if not pairs:
        raise UserError(
            f"{first.location} and {second.location} have no condition in common: "
            f"{_listed(left)} in the one, {_listed(right)} in the other."
        )
    return _compare_all(
        (
            one.condition.name,
            Side(name=str(first.location), group=one, store=first),
            Side(name=str(second.location), group=other, store=second),
        )
        for one, other in pairs
    )


def _compare_all(sides: Iterable[tuple[str, Side, Side]]) -> tuple[SideBySide, ...]:
    compared = [compare(first, second, subject=subject) for subject, first, second in sides]
    found = tuple(comparison for comparison in compared if comparison.paired_seeds)
    if not found:
        raise UserError(
            f"{compared[0].first} and {compared[0].second} have no finished seed in common. Launch "
            "both with the same --seeds."
        )
    return found


def _groups(store: ResultsStore) -> tuple[Group, ...]:
    if not store.location.exists():
        raise UserError(f"there is no results folder {store.location}. Run 'mnistcmp launch'.")
    groups = read_groups(store, store.combined().conditions)
    if not groups:
        raise UserError(f"{store.location} has no finished run. Run 'mnistcmp launch'.")
    return groups


def _named(name: str, conditions: Iterable[Condition]) -> Mapping[str, Condition]:
    """The conditions of a name, by what else tells them apart: nothing, architecture or recipe."""
    conditions = tuple(conditions)
    for condition in conditions:
        if condition.name == name:
            return {"": condition}
    of_recipe = {c.architecture: c for c in conditions if c.recipe_name == name}
    of_architecture = {c.recipe_name: c for c in conditions if c.architecture == name}
    if found := of_recipe or of_architecture:
        return found
    known = [
        *(c.name for c in conditions),
        *(c.architecture for c in conditions),
        *(c.recipe_name for c in conditions if c.name != c.architecture),
    ]
    raise unknown_name("condition", name, dict.fromkeys(known))


def _matched(
    left: Iterable[Group], right: Iterable[Group], *, by_recipe: bool
) -> list[tuple[Group, Group]]:
    def key(group: Group) -> tuple[str, str]:
        condition = group.condition
        return condition.architecture, condition.recipe.hash if by_recipe else ""

    others = {key(group): group for group in right}
    return [(group, others[key(group)]) for group in left if key(group) in others]


def _recipes(groups: Iterable[Group]) -> int:
    return len({group.condition.recipe for group in groups})


def _listed(groups: Iterable[Group]) -> str:
    conditions = [group.condition for group in groups]
    architectures = dict.fromkeys(condition.architecture for condition in conditions)
    recipes = dict.fromkeys(condition.recipe.label for condition in conditions)
    return f"{', '.join(architectures)} under {' and '.join(recipes)}"
