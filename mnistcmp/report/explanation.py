"""The words under the table: how to read it, and why it is not the published one."""

from mnistcmp.networks.options import SoftmaxPlacement
from mnistcmp.report.contents import Report
from mnistcmp.report.rounds import in_words
from mnistcmp.study.recipe import Recipe

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


def explanation(report: Report) -> str:
    """Paragraphs of plain text (and Markdown)."""
    paragraphs = [_how_to_read(report)]
    if report.recipe is None:
        paragraphs.append(_recipes(report))
    elif report.recipe.rounds == 1 and any(row.published for row in report.rows):
        paragraphs.append(_why_not_as_published(report.recipe))
    paragraphs.append(in_words(report.rounds))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _how_to_read(report: Report) -> str:
    recipes = [condition.recipe for condition in report.conditions]
    epochs = {recipe.rounds * recipe.epochs for recipe in recipes}
    pairs = {(recipe.train_pairs, recipe.validation_fraction) for recipe in recipes}
    places = {recipe.softmax for recipe in recipes}
    published = "" if report.recipe is None else "Diff.: mean less published mean, in points. "
    trained = "the recipes' epochs"
    if len(epochs) == 1:
        trained = "1 epoch" if epochs == {1} else f"{epochs.pop()} epochs"
    tested = {recipe.tested_epoch for recipe in recipes}
    weights = {
        "best": "weights of the best validation accuracy, the later epoch on ties",
        "last": "weights of the last epoch",
    }
    chosen = weights[tested.pop()] if len(tested) == 1 else "weights as the recipes say"
    same = "the same pairs and split" if len(pairs) == 1 else "the same test pairs"
    softmax = f" Softmax: {_SOFTMAX[places.pop()]}." if len(places) == 1 else ""
    return (
        "How to read it: mean ± sample standard deviation (divisor n - 1) over n independent runs; "
        f"each seed draws pairs, split, weights, batches and dropout anew, {same} for every "
        f"{'model' if report.recipe else 'condition'}. CI: Student's t. "
        f"{published}Conditions are compared seed by seed: mean, deviation and Student's t of the "
        "paired differences, in points; p (Holm) is corrected for the comparisons of its table. "
        f"{trained}; {chosen}; the test pairs are used once, at the end.{softmax}"
    )


def _recipes(report: Report) -> str:
    """What each name of a recipe stands for."""
    labels = {condition.recipe_name: condition.recipe.label for condition in report.conditions}
    return f"Recipes: {'; '.join(f'{name}: {label}' for name, label in labels.items())}."


def _why_not_as_published(recipe: Recipe) -> str:
    return (
        "Why it differs from the published table: the report says that weights are drawn anew in "
        "each of its 10 runs, but its code builds each model once and carries the weights through "
        "10 rounds, each on fresh pairs, so that later rounds rest on thousands of pairs instead "
        f"of {recipe.train_pairs:,}. It also never shuffles the pairs between epochs, and feeds a "
        "softmax to cross-entropy, which applies its own (--recipe reference-code does that). "
        "Trained in that way (--study carry-over), all rows but siamese-separate come within one "
        "published standard deviation of their published means. That row, and with it the "
        "report's finding that weight sharing does not matter, is what neither way of training "
        "gives."
    )
