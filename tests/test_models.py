"""The six networks."""

import pytest
import torch
from torch import nn

from mnistcmp.architectures import ARCHITECTURES, TABLE1_ARCHITECTURES, architecture
from mnistcmp.models import Outputs, Siamese, layer_table, parameter_count
from mnistcmp.softmax import SoftmaxPlacement

PAIRS = torch.randn(6, 2, 14, 14, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("baseline", 69_530),
        ("siamese-shared", 71_119),
        ("siamese-shared-aux", 71_119),
        ("siamese-separate", 141_361),
        ("siamese-separate-aux", 141_361),
        ("baseline-plain", 68_850),
    ],
)
def test_parameters_are_the_report_s(name: str, parameters: int) -> None:
    """The counts that the report prints."""
    assert parameter_count(architecture(name).build("before-head")) == parameters


def test_table1_has_the_rows_of_the_report() -> None:
    """The plain baseline is in the table of architectures, not in Table I."""
    assert set(ARCHITECTURES) - set(TABLE1_ARCHITECTURES) == {"baseline-plain"}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("softmax", ["before-head", "everywhere", "nowhere"])
def test_outputs_have_their_shapes(name: str, softmax: SoftmaxPlacement) -> None:
    """Two answers per pair, and ten per image where there is a branch for each image."""
    outputs: Outputs = architecture(name).build(softmax)(PAIRS)
    assert outputs.comparison.shape == (6, 2)
    if name.startswith("siamese"):
        assert outputs.digits is not None
        assert [digits.shape for digits in outputs.digits] == [(6, 10), (6, 10)]
    else:
        assert outputs.digits is None


def _answers(softmax: SoftmaxPlacement) -> tuple[Siamese, Outputs]:
    torch.manual_seed(0)
    network = Siamese(softmax, shared=False).eval()
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


def test_a_shared_branch_sees_the_images_one_after_the_other() -> None:
    """Its batch norm's running statistics are updated twice in a pass."""
    network = Siamese("before-head", shared=True).train()
    network(PAIRS)
    buffers = dict(network.branches.named_buffers())
    updates = [int(b) for name, b in buffers.items() if name.endswith("num_batches_tracked")]
    assert updates == [2, 2, 2, 2]


def test_separate_branches_have_weights_of_their_own() -> None:
    """Swapping the images changes what a separate network's branches say of them."""
    _, outputs = _answers("nowhere")
    assert outputs.digits is not None
    shared = Siamese("nowhere", shared=True).eval()
    same_image_twice = PAIRS[:, :1].expand(-1, 2, -1, -1)
    first, second = shared(same_image_twice).digits
    assert torch.equal(first, second)
    network, _ = _answers("nowhere")
    first, second = network(same_image_twice).digits
    assert not torch.allclose(first, second)


def test_layer_table_adds_up_and_counts_uses() -> None:
    """Each layer once, its parameters, and twice used where the branch is shared."""
    rows = layer_table(architecture("siamese-shared").build("before-head"))
    assert sum(row.parameters for row in rows) == 71_119
    by_name = {row.name: row for row in rows}
    assert by_name["branches.0.conv3"].output_shape == (64, 4, 4)
    assert by_name["branches.0.conv3"].uses == 2
    assert by_name["head.linear3"].uses == 1


def test_plain_baseline_has_neither_dropout_nor_batch_norm() -> None:
    """Everything else of the baseline is there, in the same order."""
    plain = architecture("baseline-plain").build("before-head")
    full = architecture("baseline").build("before-head")
    dropped = (nn.Dropout, nn.BatchNorm1d, nn.BatchNorm2d)
    expected = [repr(m) for m in full.branch.children() if not isinstance(m, dropped)]  # type: ignore[union-attr]
    assert [repr(m) for m in plain.branch.children()] == expected  # type: ignore[union-attr]
