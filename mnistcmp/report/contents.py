"""What reports and comparisons hold: plain data, for every form that they are shown in."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mnistcmp.networks.architectures import Published
from mnistcmp.statistics import DEFAULT, Difference, Inference, Summary
from mnistcmp.study.recipe import RECIPES, Recipe
from mnistcmp.study.study import Condition, Run


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One condition's test accuracy, in %."""

    condition: str
    """Its name."""
    architecture: str
    recipe: Recipe
    weight_sharing: bool | None
    auxiliary_loss: bool
    parameters: int
    accuracy: Summary | None
    """Of the finished runs that did not diverge; None where all did."""
    diverged: int
    """Finished runs whose loss was no longer finite."""
    published: Published | None
    """Of the architecture; None of a custom one, and in a study of several recipes, which have no
    published numbers."""

    @property
    def n(self) -> int:
        """Runs that count."""
        return 0 if self.accuracy is None else self.accuracy.n

    @property
    def difference(self) -> float | None:
        """Mean less published mean, in percentage points."""
        if self.published is None or self.accuracy is None:
            return None
        return self.accuracy.mean - self.published.mean


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How a condition, or a recipe, differs from its reference over the seeds that both have."""

    condition: str
    reference: str
    difference: Difference | None
    """Condition less reference, in percentage points; None where they have no seed in common."""
    adjusted_p: float | None
    """The difference's p after Holm's correction for all comparisons of its kind in the study."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Factorial:
    """The siamese networks as a 2 x 2, in percentage points, over the seeds that all four have."""

    weight_sharing: Difference
    """Shared less separate branches, mean of both with and without auxiliary loss."""
    auxiliary_loss: Difference
    """With less without, mean of shared and separate branches."""
    interaction: Difference
    """What the auxiliary loss adds to shared branches, less what it adds to separate ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounds:
    """Test accuracies, in %, of a condition whose runs are chains of rounds."""

    condition: str
    chains: int
    means: tuple[float, ...]
    """Of each round, over the chains."""
    accuracy: Summary
    """Of the chains' own means over their rounds."""
    deviation: float
    """Sample standard deviation over a chain's rounds, mean over the chains: what the report prints
    behind its means."""
    published: Published | None

    @property
    def within_published(self) -> bool:
        """Whether the mean is within a published standard deviation of the published mean."""
        published = self.published
        return (
            published is not None
            and abs(self.accuracy.mean - published.mean) <= published.deviation
        )


Outcome: TypeAlias = Literal["clear", "equivalent", "open"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a rule's looks say of one comparison."""

    seeds: int
    """Of the look that answered it, else of the latest one; 0 before the first."""
    outcome: Outcome
    """Its interval excludes 0, is inside the margin, or neither."""
    is_last: bool
    """Whether no further look is taken: it is answered, or the seeds are at an end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Until:
    """A study whose seeds are added until its comparisons are clear."""

    margin: float
    """Points."""
    looks: tuple[int, ...]
    """Seeds at each look; the last is the most that there are."""
    answers: dict[str, Answer]
    """By condition, recipe or effect: of each comparison of the report."""
    planned: int
    """Runs that as many seeds as there are would take."""
    ended: int
    """Those of them that finished or failed."""

    @property
    def is_over(self) -> bool:
        """Whether no more seeds are added."""
        return all(answer.is_last for answer in self.answers.values())


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Report:
    """All that the report shows of a folder; printed, or shown by a notebook, it is for people."""

    study: str
    question: str | None
    conditions: tuple[Condition, ...]
    """All that were launched, in the study's order."""
    rows: tuple[Row, ...]
    """Of the conditions with a finished run, in the study's order."""
    comparisons: tuple[Comparison, ...]
    """Of the rows that are not references themselves and whose reference has a row."""
    averages: tuple[Comparison, ...]
    """The study's recipes compared with the reference recipe, mean over the architectures; empty
    where the study has one architecture or one recipe, or compares with a single condition."""
    factorial: Factorial | None
    """Of a study of one recipe with all four siamese networks; None in others."""
    rounds: tuple[Rounds, ...]
    """Of the conditions whose runs are of several rounds."""
    answer: str
    """What the numbers say to the study's question, in words."""
    missing: tuple[Run, ...]
    """Launched into the folder, and without a result."""
    failures: dict[str, str]
    """Run id to error, of those whose last attempt failed."""
    inference: Inference = DEFAULT
    """How the intervals and the tests were made."""
    until: Until | None = None
    """What the rule answered by which seeds were added: it made the differences' intervals. None
    where the seeds were fixed."""

    def __repr__(self) -> str:
        from mnistcmp.report.text import to_text  # noqa: PLC0415 - which is made of this

        return to_text(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from mnistcmp.report.html.template import render  # noqa: PLC0415 - as above
        from mnistcmp.report.tables import report_tables  # noqa: PLC0415 - as above

        return render("notebook.html.j2", report=self, tables=report_tables(self))

    @property
    def shown(self) -> list[Condition]:
        """The conditions that have a row: a launch may be finishing the first runs of others."""
        names = {row.condition for row in self.rows}
        return [condition for condition in self.conditions if condition.name in names]

    @property
    def recipe(self) -> Recipe | None:
        """The recipe of all conditions; None where there are several."""
        recipes = {condition.recipe for condition in self.conditions}
        return recipes.pop() if len(recipes) == 1 else None

    @property
    def is_table1(self) -> bool:
        """Whether the rows are of the published Table I's networks, under a reading of the report.

        Its 150 epochs and its pairs are part of each reading.
        """
        return self.recipe in RECIPES.values() and any(row.published for row in self.rows)

    def missing_runs(self) -> dict[str, list[Run]]:
        """Name of a condition to the runs that it misses, of those that miss some."""
        runs: dict[tuple[str, Recipe], list[Run]] = {}
        for run in self.missing:
            runs.setdefault((run.architecture, run.recipe), []).append(run)
        cells = {(c.architecture, c.recipe): c.name for c in self.conditions}
        return {name: runs[cell] for cell, name in cells.items() if cell in runs}


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How two classifiers did on the same test pairs."""

    both_right: int
    only_first: int
    """The first right, the second wrong."""
    only_second: int
    both_wrong: int
    p: float | None
    """Of McNemar's test; None where they never disagree and nothing can be said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedAgreement(Agreement):
    """One seed's two networks; the test is the exact one."""

    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Pooled(Agreement):
    """All seeds' networks together."""

    chi_square: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DigitPair:
    """How often each side compared two digits wrongly, over the seeds that were compared."""

    digits: tuple[int, int]
    pairs: int
    first_wrong: int
    second_wrong: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SideBySide:
    """The first side less the second, over the seeds that both have, at least one."""

    subject: str
    """What the two have in common; empty where the two names say all."""
    first: str
    second: str
    recipes: tuple[str, str]
    """Labels of the two sides' recipes."""
    first_accuracy: Summary
    """Test accuracy in %, over all of the side's runs that did not diverge."""
    second_accuracy: Summary
    diverged: tuple[int, int]
    """Runs of each side that did."""
    paired_seeds: tuple[int, ...]
    unpaired: tuple[int, int]
    """Runs of each side that count, and whose seed the other has not."""
    differences: tuple[float, ...]
    """Of each paired seed, in percentage points."""
    difference: Difference
    """First less second, in percentage points."""
    identical: int
    """Paired seeds whose two runs have the same numbers to the last bit, predictions included."""
    seeds: tuple[SeedAgreement, ...]
    """The paired seeds that were tested on the same pairs, at most `MOST_DETAILED`."""
    other_pairs: tuple[int, ...]
    """Paired seeds that were looked at and have other test pairs on each side."""
    pooled: Pooled
    digits: tuple[DigitPair, ...]
    """Every pair of digits, those first where the sides differ most."""
    by_rule: bool = False
    """Whether seeds were added until comparisons were clear, which this interval leaves out."""
    inference: Inference = DEFAULT
    """How the intervals and the tests were made."""

    @property
    def all_identical(self) -> bool:
        """Whether the two sides have the same seeds with the same numbers."""
        return not any(self.unpaired) and self.identical == len(self.paired_seeds)
