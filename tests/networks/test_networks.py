"""The networks."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from torch import nn

from mnistcmp.errors import UserError
from mnistcmp.networks.architectures import (
    ARCHITECTURES,
    TABLE1_ARCHITECTURES,
    Published,
    architecture,
    published,
)
from mnistcmp.networks.exact import log_comparison
from mnistcmp.networks.layers import layer_table, parameter_count
from mnistcmp.networks.options import SoftmaxPlacement
from mnistcmp.networks.outputs import Outputs
from mnistcmp.networks.report import Siamese
from mnistcmp.study.recipe import RECIPES, Recipe

DEFAULT = Recipe().network
PAIRS = torch.randn(6, 2, 14, 14, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("baseline", 69_530),
        ("siamese-shared", 71_119),
        ("siamese-shared-aux", 71_119),
        ("siamese-separate", 141_361),
        ("siamese-separate-aux", 141_361),
        ("digits-exact", 68_294),
    ],
)
def test_parameters_are_the_report_s(name: str, parameters: int) -> None:
    """The counts that the report prints; ours has no more than its smallest siamese network."""
    assert parameter_count(architecture(name).build(DEFAULT)) == parameters


def test_table1_has_the_rows_of_the_report() -> None:
    """Ours is in the table of architectures, not in Table I."""
    assert set(ARCHITECTURES) - set(TABLE1_ARCHITECTURES) == {"digits-exact"}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("softmax", get_args(SoftmaxPlacement))
def test_outputs_have_their_shapes(name: str, softmax: SoftmaxPlacement) -> None:
    """Two answers per pair, and ten per image where there is a branch for each image."""
    outputs: Outputs = architecture(name).build(Recipe(softmax=softmax).network)(PAIRS)
    assert outputs.comparison.shape == (6, 2)
    if not name.startswith("baseline"):
        assert outputs.digits is not None
        assert [digits.shape for digits in outputs.digits] == [(6, 10), (6, 10)]
    else:
        assert outputs.digits is None


def _answers(softmax: SoftmaxPlacement) -> tuple[Siamese, Outputs]:
    torch.manual_seed(0)
    network = Siamese(Recipe(softmax=softmax).network, shared=False).eval()
    return network, network(PAIRS)


def test_default_reads_probabilities_and_ends_in_logits() -> None:
    """before-head: the head sees the softmax of the branches' logits."""
    network, outputs = _answers("before-head")
    assert outputs.digits is not None
    read = torch.cat([digits.softmax(dim=1) for digits in outputs.digits], dim=1)
    assert torch.equal(outputs.comparison, network.head(read))


def test_report_text_reads_logits() -> None:
    """nowhere: the head sees the logits that carry the auxiliary loss."""
    network, outputs = _answers("nowhere")
    assert outputs.digits is not None
    assert torch.equal(outputs.comparison, network.head(torch.cat(outputs.digits, dim=1)))


def test_reference_code_ends_in_probabilities() -> None:
    """everywhere: every output is a softmax, and the head reads the branches'."""
    network, outputs = _answers("everywhere")
    assert outputs.digits is not None
    for output in (outputs.comparison, *outputs.digits):
        assert torch.allclose(output.sum(dim=1), torch.ones(6))
    assert torch.equal(
        outputs.comparison, network.head(torch.cat(outputs.digits, dim=1)).softmax(dim=1)
    )


def test_branches_only_is_as_the_reference_code_but_for_the_end() -> None:
    """branches-only: probabilities carry the auxiliary loss, logits the comparison's."""
    network, outputs = _answers("branches-only")
    assert outputs.digits is not None
    assert all(torch.allclose(digits.sum(dim=1), torch.ones(6)) for digits in outputs.digits)
    assert torch.equal(outputs.comparison, network.head(torch.cat(outputs.digits, dim=1)))


def test_head_only_is_as_the_report_s_text_but_for_the_end() -> None:
    """head-only: logits carry the auxiliary loss and are read; probabilities are the answer."""
    network, outputs = _answers("head-only")
    assert outputs.digits is not None
    read = network.head(torch.cat(outputs.digits, dim=1))
    assert torch.equal(outputs.comparison, read.softmax(dim=1))


@pytest.mark.parametrize("softmax", get_args(SoftmaxPlacement))
def test_the_baseline_s_branch_ends_as_a_head_does(softmax: SoftmaxPlacement) -> None:
    """In a softmax under everywhere and head-only."""
    network = architecture("baseline").build(Recipe(softmax=softmax).network).eval()
    sums = network(PAIRS).comparison.sum(dim=1)
    in_softmax = softmax in {"everywhere", "head-only"}
    assert torch.allclose(sums, torch.ones(6)) == in_softmax


def _layers(fields: dict[str, Any]) -> list[str]:
    network = Siamese(Recipe(**fields).network, shared=True)
    rows = [*network.branches[0].named_children(), *network.head.named_children()]
    return [name for name, _ in rows]


def test_the_default_layers_are_the_reference_code_s() -> None:
    """In its order; the branch's, then the head's."""
    assert _layers({}) == [
        "conv1", "conv2", "pool1", "relu1", "norm1", "conv3", "pool2", "relu2", "norm2", "flatten",
        "linear1", "dropout1", "relu3", "norm3", "linear2", "dropout2", "relu4", "norm4", "linear3",
        "linear1", "dropout1", "relu1", "norm1", "linear2", "dropout2", "relu2", "norm2", "linear3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"activation": "tanh"}, lambda n: n.replace("relu", "tanh")),
        ({"batch_norm": "none"}, lambda n: "" if n.startswith("norm") else n),
        (
            {"branch_dropout": (0.0, 0.0), "head_dropout": (0.0, 0.0)},
            lambda n: "" if n.startswith("dropout") else n,
        ),
    ],
)
def test_a_recipe_changes_layers_or_leaves_them_out(
    fields: dict[str, Any], changed: Callable[[str], str]
) -> None:
    """In branches and head alike; all others stay in their order."""
    assert _layers(fields) == [changed(name) for name in _layers({}) if changed(name)]


def test_batch_norm_may_stand_before_the_activation() -> None:
    """Where it stands is all that changes."""
    swapped = " ".join(_layers({})).replace("relu", "x")
    for number in "1234":
        swapped = swapped.replace(f"x{number} norm{number}", f"norm{number} relu{number}")
    assert " ".join(_layers({"batch_norm": "before"})) == swapped


def test_dropout_has_the_recipe_s_rates() -> None:
    """In the branch, the head, and after each convolutional block."""
    recipe = Recipe(branch_dropout=(0.5, 0.4), head_dropout=(0.1, 0.0), conv_dropout=0.3)
    network = Siamese(recipe.network, shared=True)
    rates = {name: m.p for name, m in network.named_modules() if isinstance(m, nn.Dropout)}
    assert rates == {
        "branches.0.conv_dropout1": 0.3,
        "branches.0.conv_dropout2": 0.3,
        "branches.0.dropout1": 0.5,
        "branches.0.dropout2": 0.4,
        "head.dropout1": 0.1,
    }
    names = [name for name, _ in network.branches[0].named_children()]
    assert names[5] == "conv_dropout1"
    assert names[10] == "conv_dropout2"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_initial_weights_do_not_depend_on_the_recipe(name: str) -> None:
    """Activations, batch norm and dropout draw none, so recipes are compared weight for weight."""
    other = Recipe(activation="tanh", batch_norm="none", branch_dropout=(0.0, 0.5))
    weights = []
    for recipe in (Recipe(), other):
        torch.manual_seed(0)
        network = architecture(name).build(recipe.network)
        named = network.named_parameters()
        weights.append({n: w for n, w in named if "norm" not in n})
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weight, weights[1][n]) for n, weight in weights[0].items())


def test_a_shared_branch_sees_the_images_one_after_the_other() -> None:
    """Its batch norm's running statistics are updated twice in a pass."""
    network = Siamese(DEFAULT, shared=True).train()
    network(PAIRS)
    buffers = dict(network.branches.named_buffers())
    updates = [int(b) for name, b in buffers.items() if name.endswith("num_batches_tracked")]
    assert updates == [2, 2, 2, 2]


def test_separate_branches_have_weights_of_their_own() -> None:
    """Swapping the images changes what a separate network's branches say of them."""
    _, outputs = _answers("nowhere")
    assert outputs.digits is not None
    shared = Siamese(Recipe(softmax="nowhere").network, shared=True).eval()
    same_image_twice = PAIRS[:, :1].expand(-1, 2, -1, -1)
    first, second = shared(same_image_twice).digits
    assert torch.equal(first, second)
    network, _ = _answers("nowhere")
    first, second = network(same_image_twice).digits
    assert not torch.allclose(first, second)


def test_layer_table_adds_up_and_counts_uses() -> None:
    """Each layer once, its parameters, and twice used where the branch is shared."""
    rows = layer_table(architecture("siamese-shared").build(DEFAULT))
    assert sum(row.parameters for row in rows) == 71_119
    by_name = {row.name: row for row in rows}
    assert by_name["branches.0.conv3"].output_shape == (64, 4, 4)
    assert by_name["branches.0.conv3"].uses == 2
    assert by_name["head.linear3"].uses == 1


def test_plain_baseline_has_neither_dropout_nor_batch_norm() -> None:
    """Everything else of the baseline is there, in the same order."""
    plain = architecture("baseline").build(RECIPES["plain"].network)
    assert parameter_count(plain) == 68_850
    full = architecture("baseline").build(DEFAULT)
    dropped = (nn.Dropout, nn.BatchNorm1d, nn.BatchNorm2d)
    expected = [repr(m) for m in full.branch.children() if not isinstance(m, dropped)]  # type: ignore[union-attr]
    assert [repr(m) for m in plain.branch.children()] == expected  # type: ignore[union-attr]


def test_the_plain_baseline_has_a_published_number_of_its_own() -> None:
    """It goes by what is trained; the siamese networks keep theirs under that recipe."""
    assert published("baseline", DEFAULT) == Published(mean=82.17, deviation=1.686)
    assert published("baseline", RECIPES["plain"].network) == Published(mean=78.71, deviation=1.11)
    assert published("digits-exact", DEFAULT) is None
    shared = architecture("siamese-shared").published
    assert published("siamese-shared", RECIPES["plain"].network) == shared


def test_the_plain_baseline_is_no_architecture() -> None:
    """A network has one name; the error says which ones there are."""
    with pytest.raises(UserError, match="unknown architecture 'baseline-plain'; did you mean 'ba"):
        architecture("baseline-plain")


def test_the_exact_comparison_sums_over_all_pairs_of_digits() -> None:
    """P(first <= second) by its definition, 100 terms, and the rest."""
    generator = torch.Generator().manual_seed(0)
    first, second = (3 * torch.randn(5, 10, generator=generator) for _ in range(2))
    greater, less_or_equal = log_comparison(first, second).exp().unbind(1)
    joint = first.softmax(1)[:, :, None] * second.softmax(1)[:, None]
    expected = joint.triu().sum((1, 2))
    torch.testing.assert_close(less_or_equal, expected)
    torch.testing.assert_close(greater, 1 - expected)


def test_sure_digits_are_compared_surely() -> None:
    """Equal ones are less than or equal; logits of any size stay finite."""
    logits = 1000.0 * torch.eye(10)
    for first, second in ((3, 7), (7, 3), (4, 4)):
        answer = log_comparison(logits[[first]], logits[[second]])
        assert answer.isfinite().all()
        assert bool(answer.argmax()) == (first <= second)
