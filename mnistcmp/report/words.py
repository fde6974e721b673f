"""Every sentence of a report: its answer, its notes, how to read it, and what a comparison shows.

What the numbers show is said from the numbers.
"""

from collections import Counter
from collections.abc import Sequence

from mnistcmp.errors import cut
from mnistcmp.networks.options import SoftmaxPlacement
from mnistcmp.report.contents import Comparison, Factorial, Report, Rounds, Row, SideBySide, Until
from mnistcmp.report.methods import (
    INTERVALS,
    difference_in_words,
    rule_in_words,
    rule_note,
    size,
    tests_note,
    unclear,
)
from mnistcmp.report.numbers import LEVEL, plural
from mnistcmp.statistics import Difference
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.seeds import describe_seeds

EXACT = "exact binomial McNemar test, two-sided"
POOLED = (
    "Cochran-Mantel-Haenszel test for matched pairs, one stratum per seed: McNemar's chi-square "
    "over the summed counts, 1 degree of freedom, no continuity correction"
)
CLAIM = (
    "The paired t test asks whether the difference holds for new seeds: new pairs, new weights. "
    "McNemar's tests ask whether these trained networks differ on pairs like these; summed over "
    "the seeds they leave the seeds' own scatter out, and do not speak for new ones. None is "
    "corrected for the number of comparisons."
)
"""What the tests of a comparison can say."""
MOST_ERRORS = 10
"""Ways to fail that are listed, those of most runs."""
_SOFTMAX: dict[SoftmaxPlacement, str] = {
    "before-head": (
        "the branches end in logits and the head reads their softmax, as in the report's text, "
        "which has no softmax layer on the branches, in the reading of it that comes closest to "
        "its table"
    ),
    "everywhere": (
        "branches and head end in a softmax and cross-entropy applies another, as in the report's "
        "code"
    ),
    "nowhere": "the head reads the branches' logits, which is the report's text to the letter",
    "branches-only": "the branches end in a softmax, under cross-entropy too; the head in logits",
    "head-only": "the head reads logits and ends in a softmax, under cross-entropy's own",
}


def answer(
    rows: Sequence[Row],
    comparisons: Sequence[Comparison],
    averages: Sequence[Comparison],
    factorial: Factorial | None,
    rule: Until | None = None,
) -> str:
    """What a study's numbers say, from the most general of the three that there is."""
    if not any(row.n for row in rows):
        return "Every finished run diverged, so there is no result."
    diverged = sum(row.diverged for row in rows)
    left_out = ""
    if diverged:
        total = diverged + sum(row.n for row in rows)
        count = "counts" if diverged == 1 else "count"
        left_out = f" Of {plural(total, 'run')}, {diverged:,} diverged and {count} in none of this."
    answered = "" if rule is None else f" {rule_in_words(rule)}"
    compared = _compared(comparisons, averages, factorial)
    if len(rows) > 1 and not (comparisons or averages or factorial):
        compared = "No condition has runs beside those of its reference yet: nothing is compared."
    return compared + answered + left_out


def _compared(
    comparisons: Sequence[Comparison],
    averages: Sequence[Comparison],
    factorial: Factorial | None,
) -> str:
    if factorial is not None:
        sharing = difference_in_words("Weight sharing", factorial.weight_sharing)
        auxiliary = difference_in_words("the auxiliary loss", factorial.auxiliary_loss)
        return f"{sharing}, and {auxiliary}; {_interaction(factorial.interaction)}."
    if not (averages or comparisons):
        return "There is one condition, so nothing is compared."
    parts = [
        difference_in_words(c.condition, c.difference, reference=c.reference)
        for c in averages or comparisons
        if c.difference is not None
    ]
    if not parts:
        return "No two conditions have a seed in common yet, so nothing can be compared."
    return f"{'On average over the architectures, ' if averages else ''}{'; '.join(parts)}."


def _interaction(effect: Difference) -> str:
    if effect.is_clear:
        more = size(effect, " more" if effect.mean > 0 else " less")
        return f"the auxiliary loss gains {more}) with shared weights than with separate"
    if effect.is_equivalent:
        return (
            f"the auxiliary loss gains as much with shared weights as with separate, to within "
            f"{plural(effect.within or 0, 'point')} ({unclear(effect)})"
        )
    return (
        "whether the auxiliary loss gains more with shared weights than with separate ones is "
        f"not clear ({unclear(effect)})"
    )


def notes(report: Report) -> list[str]:
    """Lines on what the tables lack: what is missing, failed, diverged, or could not be paired."""
    lines = [
        f"Missing: {name}, seeds {describe_seeds(run.seed for run in runs)}. Launch again to train "
        "what is missing."
        for name, runs in report.missing_runs().items()
    ]
    errors = Counter(
        report.failures[run.run_id] for run in report.missing if run.run_id in report.failures
    )
    common = errors.most_common(MOST_ERRORS)
    lines += [
        f"Failed, {plural(count, 'run')}: {' '.join(cut(error).split())}" for error, count in common
    ]
    if others := errors.total() - sum(count for _, count in common):
        lines.append(f"Failed in other ways: {plural(others, 'run')}; 'failures' has their errors.")
    diverged = [
        f"{row.condition}, {row.diverged:,} of {plural(row.n + row.diverged, 'run')}"
        for row in report.rows
        if row.diverged
    ]
    if diverged:
        lines.append(
            f"Diverged: {'; '.join(diverged)}. Where the loss is no longer finite a run ends, and "
            "counts in no mean, interval or comparison."
        )
    n = {row.condition: row.n for row in report.rows}
    # A rule's comparisons are each of the seeds that answered it, as their table says.
    for c in report.comparisons if report.until is None else ():
        paired = 0 if c.difference is None else c.difference.n
        if paired < max(n[c.condition], n[c.reference]):
            lines.append(
                f"Compared over the {plural(paired, 'seed')} in common: {c.condition}, "
                f"{c.reference}."
            )
    return lines


def explanation(report: Report) -> list[str]:
    """Paragraphs under the tables: how to read them, and why Table I is not the published one."""
    paragraphs = [_how_to_read(report)]
    if report.recipe is None:
        labels = {c.recipe_name: c.recipe.label for c in report.conditions}
        listed = "; ".join(f"{name}: {label}" for name, label in labels.items())
        paragraphs.append(f"Recipes: {listed}.")
    elif report.is_table1:
        paragraphs.append(_why_not_as_published(report.recipe))
    return paragraphs + _rounds(report.rounds)


def _how_to_read(report: Report) -> str:
    recipes = [condition.recipe for condition in report.conditions]
    epochs = {recipe.rounds * recipe.epochs for recipe in recipes}
    pairs = {(recipe.train_pairs, recipe.validation_fraction) for recipe in recipes}
    placements = {recipe.softmax for recipe in recipes}
    published = "" if report.recipe is None else "Diff.: mean less published mean, in points. "
    trained = plural(epochs.pop(), "epoch") if len(epochs) == 1 else "The recipes' epochs"
    tested = {recipe.tested_epoch for recipe in recipes}
    weights = {
        "best": "weights of the best validation accuracy, the later epoch on ties",
        "last": "weights of the last epoch",
    }
    chosen = weights[tested.pop()] if len(tested) == 1 else "weights as the recipes say"
    same = "the same pairs and split" if len(pairs) == 1 else "the same test pairs"
    tests = (
        f"p: Student's t test; {tests_note(report.inference)} p (Holm) is the t test's, corrected "
        "for the comparisons of its table."
    )
    if report.until is not None:
        tests = rule_note(report.until)
    softmax = f" Softmax: {_SOFTMAX[placements.pop()]}." if len(placements) == 1 else ""
    return (
        "How to read it: mean ± sample standard deviation (divisor n - 1) over n independent runs; "
        f"each seed draws pairs, split, weights, batches and dropout anew, {same} for every "
        f"{'model' if report.recipe else 'condition'}. CI: the mean's {LEVEL} confidence interval, "
        f"{INTERVALS[report.inference.intervals]}. {published}Conditions are compared seed by "
        f"seed: mean, deviation and interval of the paired differences, in points. {tests} "
        f"{trained}; {chosen}; the test pairs are used once, at the end."
        f"{softmax}"
    )


def _why_not_as_published(recipe: Recipe) -> str:
    everywhere = recipe.softmax == "everywhere"
    softmax = "as is done here" if everywhere else "as in --recipe reference-code"
    return (
        "Why it differs from the published table: the report's text and its code differ. The text "
        "says that weights are drawn anew in each of its 10 runs, as is done here; the code builds "
        "each model once and carries the weights through 10 rounds, each on fresh pairs, so that "
        f"later rounds rest on thousands of pairs instead of {recipe.train_pairs:,}. It also never "
        "shuffles the pairs between epochs, and feeds a softmax to cross-entropy, which applies "
        f"its own ({softmax}). 'mnistcmp launch --study carry-over' trains in the code's way, and "
        "its report says which of the published means that comes to."
    )


def _rounds(rounds: Sequence[Rounds]) -> list[str]:
    """Which of the published rows runs of several rounds explain, and which they do not."""
    known = [part for part in rounds if part.published is not None]
    reached = "; ".join(part.condition for part in known if part.within_published)
    others = "; ".join(part.condition for part in known if not part.within_published)
    sentences = []
    if reached:
        sentences.append(
            "With one model through all rounds, as the report's code has it, these come within one "
            f"published standard deviation of the published mean: {reached}."
        )
    if others:
        sentences.append(f"These do not, so their published rows stay unexplained: {others}.")
    return [" ".join(sentences)] if sentences else []


def comparison_sentence(comparison: SideBySide) -> str:
    """Which of two sides is ahead, by how much, and how sure that is."""
    first, second = comparison.first, comparison.second
    subject = f"{comparison.subject}: " if comparison.subject else ""
    if comparison.all_identical:
        count = len(comparison.paired_seeds)
        return (
            f"{subject}{first} and {second} are identical run by run: "
            f"{'one run' if count == 1 else f'all {count:,} runs'}, the same numbers to the last "
            "bit, predictions included."
        )
    said = difference_in_words(first, comparison.difference, reference=second, with_p=True)
    return f"{subject}{said}."


def comparison_notes(comparison: SideBySide) -> list[str]:
    """What to know of the two sides: other recipes, what diverged, and what was not paired."""
    lines = []
    if comparison.recipes[0] != comparison.recipes[1]:
        lines.append(f"Their recipes differ: {comparison.recipes[0]} and {comparison.recipes[1]}.")
    if comparison.by_rule:
        lines.append(
            "Seeds were added until the report's comparisons were clear (--until-clear). Interval "
            "and p here are of one look, as if they had been fixed; the report's hold."
        )
    names = comparison.first, comparison.second
    for name, unpaired in zip(names, comparison.unpaired, strict=True):
        if unpaired:
            have, are = ("has", "is") if unpaired == 1 else ("have", "are")
            lines.append(
                f"{plural(unpaired, 'run')} of {name} {have} a seed that the other has not, and "
                f"{are} left out."
            )
    for name, diverged in zip(names, comparison.diverged, strict=True):
        if diverged:
            are = "is" if diverged == 1 else "are"
            lines.append(f"{plural(diverged, 'run')} of {name} diverged, and {are} left out.")
    if comparison.other_pairs:
        seeds = describe_seeds(comparison.other_pairs)
        lines.append(f"Tested on other pairs by the two, so that McNemar leaves them out: {seeds}.")
    looked_at = len(comparison.seeds) + len(comparison.other_pairs)
    if looked_at < len(comparison.paired_seeds):
        lines.append(f"McNemar's tests and the digits are of the {looked_at} smallest seeds.")
    if comparison.identical and not comparison.all_identical:
        lines.append(
            f"{comparison.identical} of {len(comparison.paired_seeds)} paired runs are identical "
            "to the last bit."
        )
    return lines
