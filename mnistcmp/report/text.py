"""The report for people, in the terminal and as Markdown, and for programs, as JSON."""

import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from mnistcmp.networks.architectures import TABLE1_ARCHITECTURES
from mnistcmp.report.contents import Comparison, Report, Rounds, Row
from mnistcmp.report.explanation import explanation
from mnistcmp.statistics import Difference, Summary
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.seeds import describe_seeds

TEXT_COLUMNS = {"model", "weight sharing", "auxiliary loss", "condition", "effect", "average"}
DISPENSABLE = {"weight sharing", "auxiliary loss", "parameters", "95% CI"}
"""Columns that a narrow terminal goes without: the model's name, or a difference, says as much. It
goes without those of single rounds too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Section:
    """A titled table, each row from header to text, in the order of the columns."""

    title: str
    rows: Sequence[dict[str, str]]


def print_report(report: Report, console: Console) -> None:
    """The tables, what is missing from them, what they say, and how to read them."""
    for section in _sections(report):
        console.print(section.title, style="bold", highlight=False, markup=False)
        table = _table(section, box.SIMPLE_HEAD)
        unbounded = console.options.update(max_width=1000)
        needed = Measurement.get(console, unbounded, table)
        if needed.maximum > console.width:
            # Names may take two lines before the columns of single rounds go.
            rounds = set(filter(str.isdecimal, section.rows[0]))
            without = DISPENSABLE | (rounds if needed.minimum > console.width else set())
            table = _table(section, box.SIMPLE_HEAD, without=without)
        console.print(table)
    for line in notes(report):
        console.print(line, style="yellow", highlight=False, markup=False)
    console.print(report.question or "What came out:", style="bold", highlight=False, markup=False)
    console.print(f"{report.answer}\n", highlight=False, markup=False)
    console.print(explanation(report), highlight=False)


def to_markdown(report: Report) -> str:
    """The same as Markdown."""
    parts = []
    for section in _sections(report):
        text = io.StringIO()
        Console(file=text, width=1000, color_system=None).print(_table(section, box.MARKDOWN))
        table = "\n".join(line.strip() for line in text.getvalue().strip().splitlines())
        parts += [f"**{section.title}**", table]
    question = report.question or "What came out:"
    parts += [*notes(report), f"**{question}** {report.answer}", explanation(report)]
    return "\n\n".join(parts) + "\n"


def to_json(report: Report) -> str:
    """The same for programs; accuracies in %, unrounded."""
    return json.dumps(
        {
            "study": report.study,
            "question": report.question,
            "answer": report.answer,
            "recipe": None if report.recipe is None else _recipe_to_json(report.recipe),
            "rows": [
                asdict(row) | {"recipe": _recipe_to_json(row.recipe), "difference": row.difference}
                for row in report.rows
            ],
            "comparisons": [asdict(comparison) for comparison in report.comparisons],
            "averages": [asdict(comparison) for comparison in report.averages],
            "factorial": None if report.factorial is None else asdict(report.factorial),
            "rounds": [
                asdict(part) | {"within_published": part.within_published} for part in report.rounds
            ],
            "missing": [
                {
                    "condition": name,
                    "architecture": run.architecture,
                    "recipe_hash": run.recipe.hash,
                    "seed": run.seed,
                    "run_id": run.run_id,
                    "error": report.failures.get(run.run_id),
                }
                for name, runs in report.missing_runs().items()
                for run in runs
            ],
        },
        indent=2,
    )


def _recipe_to_json(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json") | {"hash": recipe.hash}


def notes(report: Report) -> list[str]:
    """Lines on what the tables lack.

    One for each condition with runs missing, for each way in which they failed, and for each
    condition that is compared over fewer seeds than it or its reference has.
    """
    lines = [
        f"Missing: {name}, seeds {describe_seeds(run.seed for run in runs)}. Launch again to train "
        "what is missing."
        for name, runs in report.missing_runs().items()
    ]
    errors = Counter(
        report.failures[run.run_id] for run in report.missing if run.run_id in report.failures
    )
    lines += [f"Failed, {count} runs: {error}" for error, count in errors.items()]
    seeds = {row.condition: row.accuracy.n for row in report.rows}
    for c in report.comparisons:
        common = 0 if c.difference is None else c.difference.n
        if common < max(seeds[c.condition], seeds[c.reference]):
            lines.append(
                f"Compared over the {common} seeds in common: {c.condition}, {c.reference}."
            )
    return lines


def _sections(report: Report) -> list[_Section]:
    if report.recipe is None:
        sections = [_conditions(report)]
        if report.averages:
            rows = [{"average": c.condition} | _comparison_cells(c) for c in report.averages]
            title = "Averages over the architectures, each compared with itself"
            sections.append(_Section(title=title, rows=rows))
        return sections + _rounds(report)
    whole = {row.architecture for row in report.rows} >= set(TABLE1_ARCHITECTURES)
    kind = "Table I: study" if whole else "Study"
    title = f"{kind} {report.study}, recipe {report.recipe.label}"
    sections = [_Section(title=title, rows=[_published_cells(row) for row in report.rows])]
    if report.comparisons:
        rows = [{"condition": c.condition} | _comparison_cells(c) for c in report.comparisons]
        title = f"Compared with {report.comparisons[0].reference}, seed by seed"
        sections.append(_Section(title=title, rows=rows))
    if effects := report.factorial:
        rows = [
            {"effect": name} | _difference_cells(effect) | {"p": _p(effect.p)}
            for name, effect in (
                ("weight sharing", effects.weight_sharing),
                ("auxiliary loss", effects.auxiliary_loss),
                ("interaction", effects.interaction),
            )
        ]
        title = "Weight sharing and auxiliary loss as a 2 x 2, seed by seed"
        sections.append(_Section(title=title, rows=rows))
    return sections + _rounds(report)


def _conditions(report: Report) -> _Section:
    """A study of several recipes: each condition, and how it differs from its reference."""
    compared = {comparison.condition: comparison for comparison in report.comparisons}
    rows = []
    for row in report.rows:
        cells = {"difference": "reference", "difference's 95% CI": "", "p (Holm)": ""}
        if row.condition in compared:
            cells = _comparison_cells(compared[row.condition], with_seeds=False)
        rows.append({"condition": row.condition} | _accuracy_cells(row.accuracy) | cells)
    return _Section(title=f"Study {report.study}", rows=rows)


def _rounds(report: Report) -> list[_Section]:
    if not report.rounds:
        return []
    most = max(len(part.means) for part in report.rounds)
    title = "Rounds, mean over n chains, beside the published means of ten rounds"
    return [_Section(title=title, rows=[_round_cells(part, most) for part in report.rounds])]


def _round_cells(rounds: Rounds, columns: int) -> dict[str, str]:
    published = rounds.published
    means = [f"{mean:.1f}" for mean in rounds.means] + ["-"] * (columns - len(rounds.means))
    return {
        "condition": rounds.condition,
        "n": str(rounds.chains),
        **{str(number): mean for number, mean in enumerate(means, start=1)},
        "over rounds, %": f"{rounds.accuracy.mean:.2f} ± {rounds.deviation:.2f}",
        "published, %": f"{published.mean:.2f} ± {published.deviation:.2f}" if published else "-",
        "within one ±": "-" if not published else "yes" if rounds.within_published else "no",
    }


def _table(section: _Section, style: box.Box, *, without: set[str] | None = None) -> Table:
    table = Table(box=style, pad_edge=style is not box.SIMPLE_HEAD)
    shown = [header for header in section.rows[0] if header not in (without or set())]
    for header in shown:
        # Lines break between words, and nothing is cut.
        words = [word for row in section.rows for word in row[header].split()]
        table.add_column(
            header,
            justify="left" if header in TEXT_COLUMNS else "right",
            min_width=max(map(len, words), default=0),
        )
    for row in section.rows:
        table.add_row(*(row[header] for header in shown))
    return table


def _published_cells(row: Row) -> dict[str, str]:
    """An architecture beside its published number."""
    published = row.published
    return {
        "model": row.architecture,
        "weight sharing": {None: "-", True: "yes", False: "no"}[row.weight_sharing],
        "auxiliary loss": "yes" if row.auxiliary_loss else "no",
        "parameters": f"{row.parameters:,}",
        **_accuracy_cells(row.accuracy),
        "published, %": f"{published.mean:.2f} ± {published.deviation:.2f}" if published else "-",
        "diff.": "-" if row.difference is None else f"{row.difference:+.2f}",
    }


def _accuracy_cells(accuracy: Summary) -> dict[str, str]:
    spread = "" if accuracy.deviation is None else f" ± {accuracy.deviation:.2f}"
    interval = "one run"
    if accuracy.low is not None and accuracy.high is not None:
        interval = f"{accuracy.low:.2f} to {accuracy.high:.2f}"
    return {"n": str(accuracy.n), "test, %": f"{accuracy.mean:.2f}{spread}", "95% CI": interval}


def _comparison_cells(comparison: Comparison, *, with_seeds: bool = True) -> dict[str, str]:
    cells = _difference_cells(comparison.difference) | {"p (Holm)": _p(comparison.adjusted_p)}
    if not with_seeds:
        cells.pop("n")
    return cells


def _difference_cells(difference: Difference | None) -> dict[str, str]:
    if difference is None:
        return {"n": "0", "difference": "-", "difference's 95% CI": "no seed in common"}
    spread = "" if difference.deviation is None else f" ± {difference.deviation:.2f}"
    interval = "one seed"
    if difference.low is not None and difference.high is not None:
        interval = f"{difference.low:+.2f} to {difference.high:+.2f}"
    return {
        "n": str(difference.n),
        "difference": f"{difference.mean:+.2f}{spread}",
        "difference's 95% CI": interval,
    }


def _p(p: float | None) -> str:
    """To three digits, as far as a t test of a few seeds is to be trusted."""
    if p is None:
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004 - as printed
