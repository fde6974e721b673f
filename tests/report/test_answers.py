"""What a report says of a study: comparisons, the 2 x 2, and the answer in words.

Accuracies are made up here, so that what comes out can be worked by hand.
"""

import json

import pytest

from mnistcmp.cluster.events import Reported, from_line, to_line
from mnistcmp.report.as_json import to_json
from mnistcmp.report.text import to_markdown
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Study
from tests.report.conftest import MakeReport
from tests.support.fixtures import SMALL

OTHER = SMALL.model_copy(update={"activation": "tanh"})


def _two_recipes(*architectures: str, seeds: tuple[int, ...] = (0, 1, 2)) -> Study:
    recipes = {"ReLU": SMALL, "tanh": OTHER}
    return Study(name="x", architectures=architectures, seeds=seeds, recipes=recipes)


def test_the_answer_names_what_is_better_and_by_how_much(reported: MakeReport) -> None:
    """3, 4 and 5 points: 4, deviation 1, interval 4 -+ 4.303 / sqrt(3)."""
    report = reported(
        _two_recipes("baseline"), lambda r: 80 + r.seed + (r.recipe == OTHER) * (3 + r.seed)
    )
    assert (
        report.answer == "tanh is better than ReLU by 4.00 points (95% CI 1.52 to 6.48, 3 seeds)."
    )


def test_the_answer_says_worse_with_the_same_ends(reported: MakeReport) -> None:
    """The words have the sign."""
    report = reported(
        _two_recipes("baseline"), lambda r: 80 + r.seed - (r.recipe == OTHER) * (3 + r.seed)
    )
    assert report.answer == "tanh is worse than ReLU by 4.00 points (95% CI 1.52 to 6.48, 3 seeds)."


def test_an_interval_with_0_is_no_clear_difference(reported: MakeReport) -> None:
    """-1, 1 and 3 points: 1 -+ 2 * 4.303 / sqrt(3)."""
    report = reported(
        _two_recipes("baseline"), lambda r: 80 + (r.recipe == OTHER) * (2 * r.seed - 1)
    )
    assert report.answer == (
        "tanh makes no clear difference to ReLU (+1.00 points, 95% CI -3.97 to +5.97, 3 seeds)."
    )


def test_one_seed_claims_nothing(reported: MakeReport) -> None:
    """A difference, no deviation, no interval, no p; and the answer says so."""
    report = reported(_two_recipes("baseline", seeds=(4,)), lambda r: 80 + 2 * (r.recipe == OTHER))
    (comparison,) = report.comparisons
    assert comparison.difference is not None
    assert comparison.difference.deviation is None
    assert comparison.adjusted_p is None
    assert "+2.00 points with one seed, which does not say how sure that is" in report.answer
    assert "| one seed | – | – |" in " ".join(to_markdown(report).split())


def test_equal_results_are_called_the_same(reported: MakeReport) -> None:
    """As of two recipes that train one and the same function."""
    report = reported(_two_recipes("baseline"), lambda r: 80 + r.seed)
    assert report.answer == "tanh gives the same results as ReLU (3 seeds)."


def test_seeds_are_paired_as_far_as_they_go(reported: MakeReport) -> None:
    """Seed 2 has no pair: it counts in its own row, and the report says so."""
    report = reported(
        _two_recipes("baseline"),
        lambda r: None if (r.seed, r.recipe) == (2, OTHER) else 80 + r.seed,
    )
    assert [row.n for row in report.rows] == [3, 2]
    (comparison,) = report.comparisons
    assert comparison.difference is not None
    assert comparison.difference.n == 2
    assert "Compared over the 2 seeds in common: tanh, ReLU." in to_markdown(report)


def test_no_seed_in_common_is_no_difference(reported: MakeReport) -> None:
    """Nothing is compared across seeds."""
    report = reported(
        _two_recipes("baseline", seeds=(0, 1)),
        lambda r: 80.0 if (r.recipe == OTHER) == (r.seed == 1) else None,
    )
    assert [comparison.difference for comparison in report.comparisons] == [None]
    assert "no seed in common" in to_markdown(report)
    assert report.answer.startswith("No two conditions have a seed in common")


def test_one_condition_is_compared_with_nothing(reported: MakeReport) -> None:
    """Which is not for want of seeds."""
    report = reported(
        Study(name="one", architectures=("baseline",), seeds=(0, 1), recipe=SMALL), lambda _: 80.0
    )
    assert report.answer == "There is one condition, so nothing is compared."


def test_p_is_corrected_for_all_comparisons(reported: MakeReport) -> None:
    """The smaller of two counts twice; the larger stays."""
    study = _two_recipes("baseline", "siamese-shared")
    report = reported(
        study,
        lambda r: (
            80
            + (r.recipe == OTHER) * (3 + r.seed if r.architecture == "baseline" else 2 * r.seed - 1)
        ),
    )
    first, second = report.comparisons
    assert first.difference is not None
    assert second.difference is not None
    assert first.difference.p is not None
    assert first.adjusted_p == pytest.approx(2 * first.difference.p)
    assert second.adjusted_p == pytest.approx(second.difference.p)
    content = json.loads(to_json(report))
    assert content["comparisons"][0]["adjusted_p"] == first.adjusted_p


def test_recipes_are_averaged_over_architectures_seed_by_seed(reported: MakeReport) -> None:
    """3, 4, 5 points of one and -1, 1, 3 of the other: 1, 2.5, 4; mean 2.5, deviation 1.5."""
    report = reported(
        _two_recipes("baseline", "siamese-shared"),
        lambda r: (
            80
            + (r.recipe == OTHER) * (3 + r.seed if r.architecture == "baseline" else 2 * r.seed - 1)
        ),
    )
    (average,) = report.averages
    assert (average.condition, average.reference) == ("tanh", "ReLU")
    assert average.difference is not None
    assert average.difference.mean == pytest.approx(2.5)
    assert average.difference.deviation == pytest.approx(1.5)
    assert report.answer == (
        "On average over the architectures, tanh makes no clear difference to ReLU "
        "(+2.50 points, 95% CI -1.23 to +6.23, 3 seeds)."
    )


def test_a_report_travels_through_a_job_s_log(reported: MakeReport) -> None:
    """Recipes, comparisons and averages come back as they were."""
    report = reported(
        _two_recipes("baseline", "siamese-shared"), lambda r: 80.0 + r.seed * (r.recipe == OTHER)
    )
    event = Reported(output="x", trained=12, report=report)
    assert from_line(to_line(event)) == event


EFFECTS = {
    "siamese-shared": 5,
    "siamese-shared-aux": 15,
    "siamese-separate": 1,
    "siamese-separate-aux": 14,
}


def test_table1_is_answered_by_its_two_by_two(reported: MakeReport) -> None:
    """Sharing: 4 and 1, so 2.5; the auxiliary loss: 10 and 13, so 11.5; together 3 less.

    At the second seed all cells with auxiliary loss are 1 point higher: 12 and the interval's ends
    are 11.5 + 0.5 -+ 12.706 * 0.5, and sharing and interaction do not vary.
    """
    report = reported(
        Study(name="table1", seeds=(0, 1), recipe=SMALL),
        lambda r: (
            80 + EFFECTS.get(r.architecture, 0) + (r.seed if r.architecture.endswith("aux") else 0)
        ),
    )
    assert report.factorial is not None
    assert report.factorial.weight_sharing.mean == pytest.approx(2.5)
    assert report.factorial.auxiliary_loss.mean == pytest.approx(12)
    assert report.factorial.interaction.mean == pytest.approx(-3)
    assert report.answer == (
        "Weight sharing gains 2.50 points (95% CI 2.50 to 2.50, 2 seeds), and the auxiliary loss "
        "gains 12.00 points (95% CI 5.65 to 18.35, 2 seeds); the auxiliary loss gains 3.00 points "
        "less (95% CI 3.00 to 3.00, 2 seeds) with shared weights than with separate."
    )
    text = to_markdown(report)
    assert text.startswith("**Table I: study table1, recipe ")
    assert "Weight sharing and auxiliary loss as a 2 x 2" in text
    assert "Compared with baseline, seed by seed" in text
    assert json.loads(to_json(report))["factorial"]["weight_sharing"]["n"] == 2


def test_without_all_four_networks_there_is_no_two_by_two(reported: MakeReport) -> None:
    """Nor in a study of several recipes."""
    three = Study(
        name="x",
        architectures=("siamese-shared", "siamese-shared-aux", "siamese-separate"),
        recipe=SMALL,
        seeds=(0, 1),
    )
    assert reported(three, lambda r: 80.0 + r.seed).factorial is None


def test_several_recipes_have_no_two_by_two(reported: MakeReport) -> None:
    """Which of the recipes would it be of?"""
    assert reported(_two_recipes(*EFFECTS), lambda r: 80.0 + r.seed).factorial is None


def test_a_condition_may_be_the_reference_of_all(reported: MakeReport) -> None:
    """Then each other is compared with it, and nothing is averaged."""
    study = Study(
        name="x",
        architectures=("baseline", "siamese-shared"),
        seeds=(0, 1),
        recipes={"short": SMALL, "long": Recipe(epochs=2, train_pairs=100, test_pairs=40)},
        reference="baseline, long",
    )
    report = reported(study, lambda r: 80.0 + r.seed)
    assert {comparison.reference for comparison in report.comparisons} == {"baseline, long"}
    assert len(report.comparisons) == 3
    assert report.averages == ()
