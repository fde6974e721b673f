"""The tables of a report and of a comparison, for the terminal, Markdown and pages alike."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

from mnistcmp.networks.architectures import TABLE1_ARCHITECTURES
from mnistcmp.report.contents import Agreement, Comparison, Factorial, Report, SideBySide, Until
from mnistcmp.report.methods import FLIPS, answer_cell, rule_note, test_cells, tests_note
from mnistcmp.report.numbers import CI, NONE, interval, p_value, points, signed, spread, yes_no
from mnistcmp.report.questions import AUXILIARY, INTERACTION, SHARING
from mnistcmp.statistics import Difference, Inference, Summary

DIGIT_PAIRS = 10
"""Pairs of digits that are listed: those where two sides differ most."""
_TEXT = {
    "reference", "weight sharing", "auxiliary loss", "processor", "device", "MD5", "model",
    "in training",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A titled table of text."""

    name: str
    """Its id on a page."""
    title: str
    rows: Sequence[Mapping[str, str]]
    """From column to cell, at least one row."""
    note: str = ""

    @property
    def columns(self) -> list[str]:
        """The headers."""
        return list(self.rows[0])

    def is_text(self, column: str) -> bool:
        """Whether a column is of words, not of numbers."""
        return column == self.columns[0] or column in _TEXT

    def without(self, columns: Container[str]) -> "Table":
        """The table with fewer columns; its first one stays."""
        kept = [name for name in self.columns if name not in columns or name == self.columns[0]]
        return replace(self, rows=[{name: row[name] for name in kept} for row in self.rows])


def report_tables(report: Report) -> list[Table]:
    """What a report says in numbers: conditions, their differences, effects, rounds."""
    tables, how = [_conditions(report)], report.inference
    if report.comparisons:
        references = {comparison.reference for comparison in report.comparisons}
        with_ = references.pop() if len(references) == 1 else "their references"
        title = f"Compared with {with_}, seed by seed"
        tables.append(_comparisons("differences", title, "condition", report.comparisons, how))
    if report.averages:
        title = "Averages over the architectures, each compared with itself"
        tables.append(_comparisons("averages", title, "recipe", report.averages, how))
    if report.factorial is not None:
        tables.append(_effects(report.factorial, how))
    if report.until is not None:
        tables[1:] = [_ruled(table, report.until) for table in tables[1:]]
    if report.rounds:
        tables.append(_rounds(report))
    return tables


def _ruled(table: Table, rule: Until) -> Table:
    """A table of differences where a rule answers: that in place of tests of a single look."""
    kept = table.without({"p", FLIPS, "p (Holm)"})
    rows = [
        {**row, f"of {rule.looks[-1]} seeds": answer_cell(rule.answers.get(row[table.columns[0]]))}
        for row in kept.rows
    ]
    return replace(kept, rows=rows, note=rule_note(rule))


def accuracy_cells(accuracy: Summary | None, diverged: int = 0) -> dict[str, str]:
    """A mean accuracy: over how many, with its deviation and its interval; None of no run."""
    n = 0 if accuracy is None else accuracy.n
    return {
        "n": f"{n}, {diverged} diverged" if diverged else str(n),
        "test, %": spread(accuracy),
        CI: interval(accuracy),
    }


def _conditions(report: Report) -> Table:
    rows = []
    for row in report.rows:
        cells = {"model" if report.recipe else "condition": row.condition}
        cells |= accuracy_cells(row.accuracy, row.diverged)
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
    return Table(name="results", title=title, rows=rows)


def _difference_cells(difference: Difference | None, inference: Inference) -> dict[str, str]:
    """A mean difference; None where no seed is in common."""
    return {
        "n": str(difference.n if difference else 0),
        "difference": spread(difference),
        f"difference's {CI}": interval(difference) if difference else "no seed in common",
        "p": p_value(difference.p if difference else None),
    } | test_cells(difference, inference)


def _comparisons(
    name: str, title: str, kind: str, comparisons: Sequence[Comparison], inference: Inference
) -> Table:
    rows = [
        {kind: c.condition, "reference": c.reference}
        | _difference_cells(c.difference, inference)
        | {"p (Holm)": p_value(c.adjusted_p)}
        for c in comparisons
    ]
    note = (
        "p: paired t test over the seeds; Holm: corrected for the comparisons of this table. "
        f"{tests_note(inference)}"
    )
    return Table(name=name, title=title, rows=rows, note=note)


def _effects(factorial: Factorial, inference: Inference) -> Table:
    effects = {
        SHARING: factorial.weight_sharing,
        AUXILIARY: factorial.auxiliary_loss,
        INTERACTION: factorial.interaction,
    }
    return Table(
        name="effects",
        title="Weight sharing and auxiliary loss as a 2 x 2, seed by seed",
        rows=[
            {"effect": name} | _difference_cells(effect, inference)
            for name, effect in effects.items()
        ],
        note="Interaction: what the auxiliary loss adds with shared weights, less what it adds "
        f"with separate ones. p: t test over the seeds. {tests_note(inference)}",
    )


def _rounds(report: Report) -> Table:
    most = max(len(part.means) for part in report.rounds)
    rows = []
    for part in report.rounds:
        means = [f"{mean:.1f}" for mean in part.means] + [NONE] * (most - len(part.means))
        rows.append(
            {"condition": part.condition, "n": str(part.chains)}
            | {str(number): mean for number, mean in enumerate(means, start=1)}
            | {
                "over rounds, %": f"{points(part.accuracy.mean)} ± {points(part.deviation)}",
                "published, %": spread(part.published),
                "within one ±": yes_no(part.within_published if part.published else None),
            }
        )
    title = "Rounds, mean over n chains, beside the published means of ten rounds"
    return Table(name="rounds", title=title, rows=rows)


def comparison_tables(comparison: SideBySide, *, name: str, most_seeds: int) -> list[Table]:
    """Two sides' accuracies, their agreement seed by seed, and the digits that they differ in.

    Of more than `most_seeds` seeds the sums alone are listed.
    """
    sides = comparison.first, comparison.second
    summaries = comparison.first_accuracy, comparison.second_accuracy
    difference = comparison.difference
    tests = {"p, paired t test": p_value(difference.p)} | test_cells(
        difference, comparison.inference
    )
    accuracies = [
        {"side": side} | accuracy_cells(summary, diverged) | dict.fromkeys(tests, "")
        for side, summary, diverged in zip(sides, summaries, comparison.diverged, strict=True)
    ]
    accuracies.append({"side": "difference, by seed"} | accuracy_cells(difference) | tests)
    title = "Test accuracy, and its difference in points"
    tables = [Table(name=f"accuracies-{name}", title=title, rows=accuracies)]
    if comparison.seeds:
        shown: list[tuple[str, Agreement]] = [("all", comparison.pooled)]
        if len(comparison.seeds) <= most_seeds:
            shown = [(str(counts.seed), counts) for counts in comparison.seeds] + shown
        title = "Test pairs of each seed, and which side gets them right"
        rows = [_agreement(seed, counts, sides) for seed, counts in shown]
        tables.append(Table(name=f"seeds-{name}", title=title, rows=rows))
    differing = [d for d in comparison.digits if d.first_wrong != d.second_wrong][:DIGIT_PAIRS]
    if differing:
        title = "Digits where they differ most: pairs compared wrongly, over the seeds"
        rows = [
            {
                "first, second digit": f"{d.digits[0]}, {d.digits[1]}",
                "pairs": str(d.pairs),
                f"{sides[0]} wrong": str(d.first_wrong),
                f"{sides[1]} wrong": str(d.second_wrong),
                "difference in error, points": signed(
                    100 * (d.first_wrong - d.second_wrong) / d.pairs
                ),
            }
            for d in differing
        ]
        tables.append(Table(name=f"digits-{name}", title=title, rows=rows))
    return tables


def _agreement(seed: str, counts: Agreement, sides: tuple[str, str]) -> dict[str, str]:
    return {
        "seed": seed,
        "both right": f"{counts.both_right:,}",
        f"only {sides[0]} right": f"{counts.only_first:,}",
        f"only {sides[1]} right": f"{counts.only_second:,}",
        "both wrong": f"{counts.both_wrong:,}",
        "p, McNemar": p_value(counts.p),
    }
