"""The words under the table: how to read it, and why it is not the published one."""

from mnistcmp.report.table1 import Report
from mnistcmp.softmax import SoftmaxPlacement

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
}


def explanation(report: Report) -> str:
    """Two paragraphs of plain text (and Markdown)."""
    recipe = report.recipe
    epochs = "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"
    return (
        "How to read it: mean ± sample standard deviation (divisor n - 1) over n independent runs; "
        "each seed draws pairs, split, weights, batches and dropout anew, the same pairs and split "
        "for every model. CI: Student's t. Difference: mean less published mean, in points. "
        f"{epochs}; weights of the best validation accuracy, the later epoch on "
        "ties; the test pairs are used once, at the end. "
        f"Softmax: {_SOFTMAX[recipe.softmax]}.\n\n"
        "Why it differs from the published table: the report says that weights are drawn anew in "
        "each of its 10 runs, but its code builds each model once and carries the weights through "
        "10 rounds, each on fresh pairs, so that later rounds rest on thousands of pairs instead "
        f"of {recipe.train_pairs:,}. It also never shuffles the pairs between epochs, and feeds a "
        "softmax to cross-entropy, which applies its own (--recipe reference-code does that). Run "
        "as it is, that code comes to the published baseline and auxiliary-loss rows, and reaches "
        "neither published siamese row without auxiliary loss. So those two rows, and the "
        "report's finding that weight sharing does not matter, are not what independent runs give."
    )
