"""The tables of a report and of a comparison, for the terminal, Markdown and pages alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from mnistcmp.networks.architectures import TABLE1_ARCHITECTURES
from mnistcmp.report.contents import Comparison, Report
from mnistcmp.report.numbers import CI, NONE, interval, p_value, points, signed, spread, yes_no
from mnistcmp.statistics import Difference, Summary

if TYPE_CHECKING:
    from mnistcmp.report.pairs import Agreement, SideBySide

DIGIT_PAIRS = 10
"""Pairs of digits that are listed: those where two sides differ most."""
_TEXT = {"reference", "weight sharing", "auxiliary loss", "device", "MD5"}
_DISPENSABLE = {"weight sharing", "auxiliary loss", "parameters", CI, "p"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A titled table of text."""

    name: str
    """Its id on a page."""
    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""

    def is_text(self, column: str) -> bool:
        """Whether a column is of words, not of numbers."""
        return column == self.columns[0] or column in _TEXT

    def without_details(self, *, rounds: bool) -> "Table":
        """A narrower table: the model's name, or a difference, says as much as what is left out.

        Without `rounds` it lacks the columns of single rounds too.
        """
        kept = [
            position
            for position, column in enumerate(self.columns)
            if column not in _DISPENSABLE and (rounds or not column.isdecimal())
        ]
        return Table(
            name=self.name,
            title=self.title,
            columns=tuple(self.columns[position] for position in kept),
            rows=[tuple(row[position] for position in kept) for row in self.rows],
            note=self.note,
        )


def table_of(name: str, title: str, rows: Sequence[dict[str, str]], *, note: str = "") -> Table:
    """A table whose rows, at least one, are from column to text."""
    cells = [tuple(row.values()) for row in rows]
    return Table(name=name, title=title, columns=tuple(rows[0]), rows=cells, note=note)


def report_tables(report: Report) -> list[Table]:
    """What a report says in numbers: conditions, their differences, effects, rounds."""
    tables = [_conditions(report)]
    if report.comparisons:
        references = {comparison.reference for comparison in report.comparisons}
        with_ = references.pop() if len(references) == 1 else "their references"
        title = f"Compared with {with_}, seed by seed"
        tables.append(_comparisons("differences", title, "condition", report.comparisons))
    if report.averages:
        title = "Averages over the architectures, each compared with itself"
        tables.append(_comparisons("averages", title, "recipe", report.averages))
    if report.factorial is not None:
        tables.append(_effects(report))
    if report.rounds:
        tables.append(_rounds(report))
    return tables


def accuracy_cells(accuracy: Summary, header: str = "test, %") -> dict[str, str]:
    """A mean accuracy: over how many, with its deviation and its interval."""
    return {"n": str(accuracy.n), header: spread(accuracy), CI: interval(accuracy)}


def difference_cells(difference: Difference | None) -> dict[str, str]:
    """A mean difference; None where no seed is in common."""
    return {
        "n": str(difference.n if difference else 0),
        "difference": spread(difference),
        f"difference's {CI}": interval(difference) if difference else "no seed in common",
        "p": p_value(difference.p if difference else None),
    }


def _conditions(report: Report) -> Table:
    rows = []
    for row in report.rows:
        cells = {"model" if report.recipe else "condition": row.condition}
        cells |= accuracy_cells(row.accuracy)
        if report.recipe is not None:
            cells |= {
                "published, %": spread(row.published),
                "diff.": signed(row.difference),
                "weight sharing": yes_no(row.weight_sharing),
                "auxiliary loss": yes_no(row.auxiliary_loss),
            }
        rows.append(cells | {"parameters": f"{row.parameters:,}"})
    title = f"Study {report.study}"
    if report.recipe is not None:
        whole = {row.architecture for row in report.rows} >= set(TABLE1_ARCHITECTURES)
        kind = "Table I: study" if whole else "Study"
        title = f"{kind} {report.study}, recipe {report.recipe.label}"
    return table_of("results", title, rows)


def _comparisons(name: str, title: str, kind: str, comparisons: Sequence[Comparison]) -> Table:
    rows = [
        {kind: c.condition, "reference": c.reference}
        | difference_cells(c.difference)
        | {"p (Holm)": p_value(c.adjusted_p)}
        for c in comparisons
    ]
    note = "p: paired t test over the seeds; Holm: corrected for the comparisons of this table."
    return table_of(name, title, rows, note=note)


def _effects(report: Report) -> Table:
    assert report.factorial is not None  # noqa: S101 - the caller has looked
    effects = {
        "weight sharing": report.factorial.weight_sharing,
        "auxiliary loss": report.factorial.auxiliary_loss,
        "interaction": report.factorial.interaction,
    }
    return table_of(
        "effects",
        "Weight sharing and auxiliary loss as a 2 x 2, seed by seed",
        [{"effect": name} | difference_cells(effect) for name, effect in effects.items()],
        note="Interaction: what the auxiliary loss adds with shared weights, less what it adds "
        "with separate ones. p: t test over the seeds.",
    )


def _rounds(report: Report) -> Table:
    most = max(len(part.means) for part in report.rounds)
    rows = []
    for part in report.rounds:
        means = zip_longest(range(1, most + 1), part.means)
        over_rounds = f"{points(part.accuracy.mean)} ± {points(part.deviation)}"
        rows.append(
            {"condition": part.condition, "n": str(part.chains)}
            | {str(number): NONE if mean is None else f"{mean:.1f}" for number, mean in means}
            | {
                "over rounds, %": over_rounds,
                "published, %": spread(part.published),
                "within one ±": yes_no(part.within_published if part.published else None),
            }
        )
    title = "Rounds, mean over n chains, beside the published means of ten rounds"
    return table_of("rounds", title, rows)


def comparison_tables(comparison: "SideBySide", *, name: str, most_seeds: int) -> list[Table]:
    """Two sides' accuracies, their agreement seed by seed, and the digits that they differ in.

    Of more than `most_seeds` seeds the sums alone are listed.
    """
    return [
        _accuracies(comparison, name),
        *([_agreements(comparison, name, most_seeds)] if comparison.seeds else []),
        *_digits(comparison, name),
    ]


def _accuracies(comparison: "SideBySide", name: str) -> Table:
    rows = [
        {"side": side} | accuracy_cells(accuracy) | {"p, paired t test": ""}
        for side, accuracy in (
            (comparison.first, comparison.first_accuracy),
            (comparison.second, comparison.second_accuracy),
        )
    ]
    if comparison.difference is not None:
        p = p_value(comparison.difference.p)
        cells = accuracy_cells(comparison.difference) | {"p, paired t test": p}
        rows.append({"side": "difference, by seed"} | cells)
    return table_of(f"accuracies-{name}", "Test accuracy, and its difference in points", rows)


def _agreements(comparison: "SideBySide", name: str, most_seeds: int) -> Table:
    shown: list[tuple[str, Agreement]] = [("all", comparison.pooled)]
    if len(comparison.seeds) <= most_seeds:
        shown = [(str(counts.seed), counts) for counts in comparison.seeds] + shown
    only = (f"only {side} right" for side in (comparison.first, comparison.second))
    return Table(
        name=f"seeds-{name}",
        title="Test pairs of each seed, and which side gets them right",
        columns=("seed", "both right", *only, "both wrong", "p, McNemar"),
        rows=[
            (
                seed,
                f"{counts.both_right:,}",
                f"{counts.only_first:,}",
                f"{counts.only_second:,}",
                f"{counts.both_wrong:,}",
                p_value(counts.p),
            )
            for seed, counts in shown
        ],
    )


def _digits(comparison: "SideBySide", name: str) -> list[Table]:
    differing = [d for d in comparison.digits if d.first_wrong != d.second_wrong][:DIGIT_PAIRS]
    table = Table(
        name=f"digits-{name}",
        title="Digits where they differ most: pairs compared wrongly, over the seeds",
        columns=(
            "first, second digit",
            "pairs",
            *(f"{side} wrong" for side in (comparison.first, comparison.second)),
            "difference in error, points",
        ),
        rows=[
            (
                f"{d.digits[0]}, {d.digits[1]}",
                str(d.pairs),
                str(d.first_wrong),
                str(d.second_wrong),
                signed(100 * (d.first_wrong - d.second_wrong) / d.pairs),
            )
            for d in differing
        ],
    )
    return [table] if differing else []
