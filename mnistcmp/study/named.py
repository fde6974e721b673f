"""The studies that have a name: Table I, and one for each further claim of the report.

Each answers one question. `mnistcmp studies` lists them, `mnistcmp launch --study NAME` runs them.
The recipes of a study are compared with its reference, which is the first unless it names another.
"""

from typing import get_args

from mnistcmp.networks.options import SoftmaxPlacement
from mnistcmp.study.recipe import RECIPES, Recipe
from mnistcmp.study.study import Study

NO_DROPOUT = (0.0, 0.0)

TABLE1 = Study(
    name="table1",
    question="Do weight sharing and an auxiliary loss help to compare two digits?",
)
"""The report's Table I: five architectures, ten seeds, the default recipe."""

SEEDS_100 = Study(
    name="seeds-100",
    question="How large are the differences of Table I, with ten times its seeds?",
    seeds=tuple(range(100)),
)

REGULARISATION = Study(
    name="regularisation",
    question="What do dropout and batch norm do for the baseline, each alone and together?",
    architectures=("baseline",),
    recipes={
        "plain": RECIPES["plain"],
        "dropout": Recipe(batch_norm="none"),
        "batch norm": Recipe(branch_dropout=NO_DROPOUT),
        "both": Recipe(),
    },
)

ACTIVATION = Study(
    name="activation",
    question="Does tanh do as well as ReLU?",
    recipes={"ReLU": Recipe(), "tanh": Recipe(activation="tanh")},
)

BATCH_NORM_ORDER = Study(
    name="batch-norm-order",
    question="Does it matter whether batch norm stands after the activation or before it?",
    recipes={"after": Recipe(), "before": Recipe(batch_norm="before")},
)

DROPOUT_RATES = Study(
    name="dropout-rates",
    question="Are the report's dropout rates better than none, higher ones, or more places?",
    recipes={
        "as reported": Recipe(),
        "none": Recipe(branch_dropout=NO_DROPOUT, head_dropout=NO_DROPOUT),
        "all 0.5": Recipe(branch_dropout=(0.5, 0.5), head_dropout=(0.5, 0.5)),
        "conv 0.2 too": Recipe(conv_dropout=0.2),
    },
)

SOFTMAX = Study(
    name="softmax",
    question="Where should softmax stand: on the branches, on the head, between, both or nowhere?",
    recipes={place: Recipe(softmax=place) for place in get_args(SoftmaxPlacement)},
)

AUXILIARY_WEIGHT = Study(
    name="aux-weight",
    question="How much should the auxiliary loss weigh beside the comparison's?",
    architectures=("siamese-shared-aux", "siamese-separate-aux"),
    recipes={
        f"weight {weight:g}": Recipe(auxiliary_weight=weight)
        for weight in (0.0, 0.25, 0.5, 1.0, 2.0)
    },
    reference="weight 1",
)

CARRY_OVER = Study(
    name="carry-over",
    question="What did the report's code gain by taking one model through ten rounds of pairs?",
    seeds=tuple(range(5)),
    recipes={
        "independent": Recipe(softmax="everywhere"),
        "not shuffled": Recipe(softmax="everywhere", shuffle=False),
        "carried over": Recipe(softmax="everywhere", shuffle=False, rounds=10),
    },
)
"""The recipe `reference-code`, and what else its code does. A chain of rounds is one run."""

TRAINING_SIZE = Study(
    name="training-size",
    question="How much do more, or fewer, training pairs than 1,000 change?",
    recipes={
        f"{pairs} pairs": Recipe(train_pairs=pairs)
        for pairs in (125, 250, 500, 1000, 2000, 4000, 8000)
    },
    reference="1000 pairs",
)
"""Epochs are 150 for all, so more pairs are more steps too. A seed's smaller sets of pairs are the
beginnings of its larger ones; its test pairs are the same."""

BEST = Study(
    name="best",
    question="How far can one get with the report's 1,000 pairs and as many parameters?",
    architectures=("digits-exact",),
    recipes={
        "report": Recipe(),
        "best": Recipe(
            epochs=100,
            learning_rate=0.02,
            optimizer="adamw",
            weight_decay=0.01,
            schedule="one-cycle",
            label_smoothing=0.05,
            augmentation="affine",
            comparison_weight=0.0,
            validation_fraction=0.02,
            tested_epoch="last",
        ),
    },
)
"""Its recipe was chosen on validation pairs of other seeds; docs/decisions/best.md says how."""

STUDIES = {
    study.name: study
    for study in (
        TABLE1,
        REGULARISATION,
        ACTIVATION,
        BATCH_NORM_ORDER,
        DROPOUT_RATES,
        SOFTMAX,
        AUXILIARY_WEIGHT,
        CARRY_OVER,
        TRAINING_SIZE,
        SEEDS_100,
        BEST,
    )
}
"""Name to study, in the order in which `--study all` runs them."""
