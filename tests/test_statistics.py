"""Means and their uncertainty, against values worked by hand."""

import numpy as np
import pytest
from scipy import stats

from mnistcmp.errors import UserError
from mnistcmp.statistics import (
    Inference,
    adjust_p_values,
    equivalence,
    exact_mcnemar,
    mean_difference,
    paired_difference,
    pooled_mcnemar,
    sign_flip,
    summarise,
    two_by_two,
)


def test_summary_of_a_hand_worked_sample() -> None:
    """2, 4, 6: mean 4, squares 4 + 0 + 4 over 2, so deviation 2; t(0.975, 2) is 4.302653."""
    summary = summarise([2, 4, 6])
    assert (summary.n, summary.mean, summary.deviation) == (3, 4, 2)
    half_width = 4.302653 * 2 / 3**0.5
    assert summary.low == pytest.approx(4 - half_width, rel=1e-6)
    assert summary.high == pytest.approx(4 + half_width, rel=1e-6)


def test_one_value_has_no_deviation() -> None:
    """Nothing is known of the spread, so nothing is said."""
    summary = summarise([5.0])
    assert (summary.n, summary.mean) == (1, 5)
    assert summary.deviation is None
    assert summary.low is None
    assert summary.high is None


def test_paired_difference_of_a_hand_worked_sample() -> None:
    """Differences 1, 2, 3: mean 2, deviation 1, t = 2 * sqrt(3), and p = 1 - sqrt(6 / 7) at df 2.

    The distribution of t with 2 degrees of freedom is 1/2 + t / (2 sqrt(2 + t^2)).
    """
    difference = paired_difference([5, 7, 9], [4, 5, 6])
    assert (difference.n, difference.mean, difference.deviation) == (3, 2, 1)
    assert difference.low == pytest.approx(2 - 4.302653 / 3**0.5, rel=1e-6)
    assert difference.high == pytest.approx(2 + 4.302653 / 3**0.5, rel=1e-6)
    assert difference.p == pytest.approx(1 - (6 / 7) ** 0.5)


def test_paired_difference_is_scipy_s_paired_t_test() -> None:
    """Its p, and the ends of its interval."""
    values, references = np.random.default_rng(1).normal(90, 2, (2, 12))
    expected = stats.ttest_rel(values, references)
    interval = expected.confidence_interval(0.95)
    found = paired_difference(values, references)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.low == pytest.approx(interval.low)
    assert found.high == pytest.approx(interval.high)


def test_sign_flips_of_darwin_s_maize_are_fisher_s() -> None:
    """The Design of Experiments, section 21: 863 of 32,768 sums are as large, and 863 as small."""
    maize = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert sign_flip(maize, resamples=2**15) == pytest.approx(1726 / 32768, rel=1e-12)
    # As R's t.test(maize) has it.
    assert mean_difference(maize).p == pytest.approx(0.0497, abs=5e-5)


def test_sign_flips_of_ten_seeds_are_all_counted() -> None:
    """Ten differences of one sign: 2 of the 1,024 flips are as extreme."""
    assert sign_flip(np.arange(1, 11) / 10) == pytest.approx(2 / 1024, rel=1e-12)


def test_sums_that_are_equal_but_for_rounding_are_as_extreme() -> None:
    """Differences of accuracies of 0.1 points: as in whole numbers, where nothing is rounded."""
    whole = np.array([3, -1, 2, 2, 4, -2, 1, 3, -1, 2])
    accuracies = (880 + whole) / 10 - 88.0
    assert sign_flip(accuracies) == sign_flip(whole)


def test_of_many_seeds_flips_are_drawn_the_same_each_time() -> None:
    """Of 40 differences, and near to the t test's p."""
    differences = np.random.default_rng(3).normal(0.3, 1, 40)
    p = sign_flip(differences)
    assert p == sign_flip(differences)
    assert p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.02)


def test_an_equivalence_test_is_its_90_percent_interval() -> None:
    """Two one-sided tests at 5% hold where the 90% interval is within the margin, only there."""
    differences = np.random.default_rng(4).normal(0.2, 1, 30)
    interval = stats.ttest_1samp(differences, 0).confidence_interval(0.90)
    edge = max(abs(float(interval.low)), abs(float(interval.high)))
    assert equivalence(differences, edge) == pytest.approx(0.05)
    assert mean_difference(differences, Inference(within=edge + 0.01)).is_equivalent
    assert not mean_difference(differences, Inference(within=edge - 0.01)).is_equivalent


def test_equal_differences_are_equivalent_without_a_test() -> None:
    """No spread gives no p; the mean says whether it is within; one seed says nothing."""
    inference = Inference(within=0.5)
    assert mean_difference([0.2, 0.2, 0.2], inference).is_equivalent
    assert not mean_difference([0.7, 0.7, 0.7], inference).is_equivalent
    assert not mean_difference([0.2], inference).is_equivalent


def test_bootstrap_intervals_lean_to_the_tail() -> None:
    """The same each time, moved with the sample, longer on the side of a long tail."""
    sample = np.random.default_rng(5).exponential(1, 20)
    bca = Inference(intervals="bca")
    found, moved = summarise(sample, bca), summarise(sample + 7, bca)
    assert found == summarise(sample, bca)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.mean > found.mean - found.low > 0
    assert (moved.low, moved.high) == pytest.approx((found.low + 7, found.high + 7))


def test_bootstrap_intervals_of_few_seeds_are_refused() -> None:
    """Of five they would be far too narrow."""
    with pytest.raises(UserError, match="need 6 to 10,000 seeds, and here a mean is of 5"):
        summarise([1, 2, 3, 4, 5], Inference(intervals="bca"))


def test_intervals_cover_the_true_effects() -> None:
    """In 93 to 97% of 500 repetitions of 10 seeds, of a paired difference and of a 2 x 2.

    Seeds differ by 2 points for all cells, cells at a seed by 1 point more. The first factor is
    worth 3 points, the second 5, and both together 2 less than their sum.
    """
    random = np.random.default_rng(2)
    covered = np.zeros(4)
    for _ in range(500):
        of_seed = random.normal(80, 2, 10)
        noise = random.normal(0, 1, (4, 10))
        neither, second, first, both = of_seed + noise + np.array([[0], [5], [3], [6]])
        found = two_by_two(neither=neither, second=second, first=first, both=both)
        effects = (paired_difference(second, neither), *map(mean_difference, found))
        covered += [
            effect.low <= truth <= effect.high
            for effect, truth in zip(effects, (5, 2, 4, -2), strict=True)
            if effect.low is not None and effect.high is not None
        ]
    assert ((covered >= 465) & (covered <= 485)).all()


def test_holm_s_correction_of_a_hand_worked_example() -> None:
    """0.01 counts three times, 0.03 twice, 0.04 once and not less than the one before it."""
    assert adjust_p_values([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert adjust_p_values([]) == ()


def test_holm_s_correction_is_statsmodels() -> None:
    """The p values of statsmodels' own test, and what its `multipletests` makes of them."""
    p_values = [0.838541367553, 0.642193923795, 0.680845947633, 0.967833824309, 0.71626938238]
    p_values += [0.177096952723, 5.23656777208e-05, 0.0202732688798, 0.00028140506198]
    p_values += [0.0149877310796]
    expected = (1, 1, 1, 1, 1, 1, 0.000523656777208, 0.1419128821586, 0.00253264555782)
    assert adjust_p_values(p_values) == pytest.approx((*expected, 0.1199018486368), rel=1e-12)


def test_the_exact_mcnemar_test_is_a_fair_coin_s() -> None:
    """Five disagreements, all one way: 2 of the 32 outcomes are as extreme."""
    assert exact_mcnemar(5, 0) == pytest.approx(2 / 32)
    assert exact_mcnemar(0, 5) == pytest.approx(2 / 32)
    assert exact_mcnemar(3, 3) == 1.0


def test_without_disagreement_mcnemar_shows_nothing() -> None:
    """Two classifiers that never disagree: p is 1, and there is no chi-square."""
    assert exact_mcnemar(0, 0) == 1.0
    assert pooled_mcnemar(0, 0) is None


def test_pooled_mcnemar_is_as_published() -> None:
    """Agresti's approval ratings (Categorical Data Analysis, table 11.1): 150 and 86, z = -4.17."""
    chi_square, p = pooled_mcnemar(150, 86) or (0, 0)
    assert chi_square == pytest.approx(4.17**2, rel=0.002)
    assert p == pytest.approx(3.1e-5, rel=0.02)


def test_two_by_two_of_a_hand_worked_example() -> None:
    """Two seeds. First factor: 3 and 4, mean 3.5; second: 5 and 6; interaction: -2 both times."""
    effects = two_by_two(neither=[80, 70], second=[86, 77], first=[84, 75], both=[88, 80])
    first, second, interaction = map(mean_difference, effects)
    assert (first.mean, second.mean, interaction.mean) == (3.5, 5.5, -2)
    assert first.deviation == pytest.approx(0.5**0.5)
    assert first.low == pytest.approx(3.5 - 12.7062 / 2, rel=1e-4)
    assert (interaction.deviation, interaction.p) == (0, None)


def test_cells_of_unequal_size_are_no_two_by_two() -> None:
    """Each seed needs its value in each cell."""
    with pytest.raises(ValueError, match=r"as many values in each cell: \[1, 1, 2, 1\]"):
        two_by_two(neither=[1], second=[1], first=[1, 2], both=[1])


@pytest.mark.parametrize(("values", "references"), [([2.0], [1.0]), ([2.0, 3.0], [1.0, 2.0])])
def test_no_test_without_spread(values: list[float], references: list[float]) -> None:
    """One pair, or equal differences, give a mean and no p."""
    difference = paired_difference(values, references)
    assert difference.mean == 1
    assert difference.p is None


def test_unequal_numbers_of_values_are_no_pairs() -> None:
    """Which belong together is not guessed."""
    with pytest.raises(ValueError, match="as many values as references: 2, 1"):
        paired_difference([1, 2], [1])


@pytest.mark.parametrize("values", [[], [1.0, float("nan")]])
def test_no_mean_of_nothing_or_of_nan(values: list[float]) -> None:
    """A mean that would be wrong is refused."""
    with pytest.raises(ValueError, match="expected finite values"):
        summarise(values)
