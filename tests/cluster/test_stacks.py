"""Which runs are trained together."""

import pytest

from mnistcmp.cluster.placement import Pool
from mnistcmp.cluster.stacks import CPU_WIDTH, GPU_WIDTH, cost, plan_stacks
from mnistcmp.study.named import TABLE1
from mnistcmp.study.recipe import Recipe
from mnistcmp.study.study import Study

TWO_CORES = [Pool(gpu=False, device="cpu", slots=2)]


def _cores(count: int) -> list[Pool]:
    return [Pool(gpu=False, device="cpu", slots=count)]


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 50, 1000])
def test_every_run_is_in_one_stack_of_its_kind(workers: int) -> None:
    """Whatever the number of workers."""
    stacks = plan_stacks(TABLE1.runs(), _cores(workers))
    assert sorted(run.run_id for stack in stacks for run in stack) == sorted(
        run.run_id for run in TABLE1.runs()
    )
    assert all(len({(run.architecture, run.recipe) for run in stack}) == 1 for stack in stacks)
    assert max(len(stack) for stack in stacks) <= CPU_WIDTH


def test_two_workers_end_table_1_together() -> None:
    """Four whole siamese stacks, and the baseline's ten runs halved."""
    stacks = plan_stacks(TABLE1.runs(), TWO_CORES)
    assert [len(stack) for stack in stacks] == [10, 10, 10, 10, 5, 5]
    assert {run.architecture for stack in stacks[4:] for run in stack} == {"baseline"}


def test_more_workers_than_runs_train_each_alone() -> None:
    """No worker waits while another has two runs."""
    stacks = plan_stacks(TABLE1.runs(), _cores(1000))
    assert {len(stack) for stack in stacks if stack[0].architecture != "baseline"} == {1}


def test_the_longest_come_first_within_a_width_of_seeds() -> None:
    """And a later width of seeds after an earlier one, so that pairings are complete."""
    study = Study(name="s", architectures=("baseline", "siamese-shared"), seeds=tuple(range(20)))
    stacks = plan_stacks(study.runs(), _cores(1))
    assert [(stack[0].architecture, stack[0].seed) for stack in stacks] == [
        ("siamese-shared", 0),
        ("baseline", 0),
        ("siamese-shared", 10),
        ("baseline", 10),
    ]


def test_a_gpu_trains_wide_stacks() -> None:
    """Where nothing but GPUs trains."""
    study = Study(name="s", architectures=("baseline",), seeds=tuple(range(4 * GPU_WIDTH)))
    stacks = plan_stacks(study.runs(), [Pool(gpu=True, device="cuda", slots=1)])
    assert [len(stack) for stack in stacks] == [GPU_WIDTH] * 4


def test_cost_grows_with_runs_epochs_and_images() -> None:
    """A siamese network looks at two images of a pair; a plainly trained recipe takes longer."""

    def of(name: str, recipe: Recipe, seeds: int = 2) -> float:
        study = Study(name="s", architectures=(name,), seeds=tuple(range(seeds)), recipe=recipe)
        return cost(study.runs())

    three = Recipe(epochs=3)
    assert of("baseline", Recipe(epochs=6)) == pytest.approx(2 * of("baseline", three))
    assert of("baseline", three, seeds=4) == pytest.approx(2 * of("baseline", three))
    assert of("siamese-shared", three) > of("baseline", three)
    plain = Recipe(epochs=3, augmentation="affine")
    assert of("baseline", plain) > 2 * of("baseline", three)


@pytest.mark.parametrize(
    ("name", "recipe"),
    [("digits-exact", Recipe()), ("baseline", Recipe(precision="bf16")), ("my.nets:Net", Recipe())],
)
def test_what_is_trained_plainly_is_planned_run_by_run(name: str, recipe: Recipe) -> None:
    """So that each is stored when it is done."""
    study = Study(name="s", architectures=(name,), seeds=tuple(range(7)), recipe=recipe)
    assert [len(stack) for stack in plan_stacks(study.runs(), _cores(2))] == [1] * 7
