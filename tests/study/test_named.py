"""The named studies."""

from mnistcmp.networks.architectures import ARCHITECTURES
from mnistcmp.study.combine import combine
from mnistcmp.study.named import STUDIES
from mnistcmp.study.recipe import RECIPES
from mnistcmp.study.study import Run
from mnistcmp.training.planning import MICROSECONDS_PER_EPOCH_AND_PAIR, estimated_seconds


def test_each_study_asks_a_question() -> None:
    """In one sentence."""
    for name, study in STUDIES.items():
        assert study.name == name
        assert study.question is not None
        assert study.question.count("?") == 1
        assert study.question.endswith("?")


def test_studies_have_the_conditions_of_the_report_s_claims() -> None:
    """As many as the factors that each crosses."""
    assert {name: len(study.conditions) for name, study in STUDIES.items()} == {
        "table1": 5,
        "regularisation": 4,
        "activation": 5 * 2,
        "batch-norm-order": 5 * 2,
        "dropout-rates": 5 * 4,
        "softmax": 5 * 5,
        "aux-weight": 2 * 5,
        "carry-over": 5 * 3,
        "training-size": 5 * 7,
        "seeds-100": 5,
        "best": 2,
    }


def test_every_study_but_for_its_own_question_is_the_report_s_protocol() -> None:
    """One of its recipes is the default, with which each architecture's others are compared.

    `carry-over` is about what the report's code does, and starts from its recipe.
    """
    for study in STUDIES.values():
        combined = combine([study], place="here")
        base = RECIPES["reference-code" if study.name == "carry-over" else "default"]
        defaults = [c for c in combined.conditions if c.recipe == base]
        assert len(defaults) == len(study.architectures)
        if len(study.recipes) > 1 and study.name != "regularisation":
            assert [combined.reference_of(c) for c in defaults] == [None] * len(defaults)


def test_the_plain_baseline_is_one_run_by_whatever_name() -> None:
    """The study's condition `plain` is the baseline under the recipe of that name."""
    study = STUDIES["regularisation"]
    (plain, *_) = study.runs()
    run = Run(architecture="baseline", seed=0, recipe=RECIPES["plain"])
    assert plain.run_id == run.run_id == "bf559d8b194ba030"


def test_every_architecture_has_a_measured_speed() -> None:
    """So that every study has an estimate, which grows with its runs."""
    assert set(MICROSECONDS_PER_EPOCH_AND_PAIR) == set(ARCHITECTURES)
    whole, tenth = STUDIES["seeds-100"], STUDIES["table1"]
    assert estimated_seconds(whole) == 10 * estimated_seconds(tenth)
