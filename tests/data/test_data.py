"""MNIST's files, and the pairs that are drawn from them."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from mnistcmp.data import mnist as mnist_module
from mnistcmp.data.mnist import Mnist, load_mnist, pool
from mnistcmp.data.pairs import draw_pair_sets
from mnistcmp.errors import UserError
from mnistcmp.report.figures.sheet import save_sheet
from mnistcmp.study.recipe import Recipe


def test_mnist_is_whole_and_in_mnist_s_order(mnist: Mnist) -> None:
    """60,000 and 10,000 digits; the first labels are the well-known ones."""
    assert mnist.train.images.shape == (60_000, 14, 14)
    assert mnist.test.images.shape == (10_000, 14, 14)
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert (mnist.train.images.min(), mnist.train.images.max()) == (0, 1)


def test_pooling_takes_the_mean_of_four_pixels() -> None:
    """A 2 x 2 block of 0, 255, 255, 0 becomes one half."""
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 0, 1] = image[0, 1, 0] = 255
    pooled = pool(image)
    assert pooled.shape == (1, 14, 14)
    assert pooled[0, 0, 0] == 0.5
    assert pooled.sum() == 0.5


def test_pooling_is_torch_s(mnist: Mnist, images: NDArray[np.uint8]) -> None:
    """Bit for bit."""
    pooled = functional.avg_pool2d(torch.from_numpy(images.copy()).float() / 255, 2)
    assert (mnist.test.images == pooled.numpy()).all()


@pytest.mark.parametrize(
    "packed",
    [b"", b"no gzip", gzip.compress(b"x" * 1000)[:-9], gzip.compress(b"another file")],
    ids=["empty", "not gzip", "truncated", "tampered"],
)
def test_a_damaged_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bytes
) -> None:
    """The error names the file and says how to get a good one."""
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(packed)
    monkeypatch.setattr(mnist_module, "files", lambda _: tmp_path)
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte is truncated .*mnistcmp again"):
        load_mnist.__wrapped__()


def test_pairs_are_labelled_by_their_digits(mnist: Mnist) -> None:
    """1 where the first digit is less than or equal to the second; digits come from MNIST."""
    sets = draw_pair_sets(mnist, 0, Recipe())
    for pairs, source in ((sets.train, mnist.train), (sets.test, mnist.test)):
        first, second = pairs.digits.T
        assert torch.equal(pairs.labels, (first <= second).long())
        assert (source.labels[pairs.sources] == pairs.digits.numpy()).all()
    assert set(sets.train.labels.tolist()) == {0, 1}


def test_sets_have_the_report_s_sizes_and_share_no_image(mnist: Mnist) -> None:
    """800, 200 and 1,000 pairs; no image twice among the training and validation pairs."""
    sets = draw_pair_sets(mnist, 0, Recipe())
    assert (len(sets.train), len(sets.validation), len(sets.test)) == (800, 200, 1000)
    drawn = np.concatenate([sets.train.sources, sets.validation.sources])
    assert len(np.unique(drawn)) == 2000
    assert len(np.unique(sets.test.sources)) == 2000


def test_standardised_by_the_training_pairs(mnist: Mnist) -> None:
    """Training and validation pairs together have mean 0 and deviation 1; the test pairs do not."""
    sets = draw_pair_sets(mnist, 0, Recipe())
    both = torch.cat([sets.train.inputs, sets.validation.inputs])
    assert float(both.mean()) == pytest.approx(0, abs=1e-5)
    assert float(both.std()) == pytest.approx(1, abs=1e-5)
    assert abs(float(sets.test.inputs.mean())) > 1e-4


def test_a_prediction_can_be_traced_to_its_picture(mnist: Mnist) -> None:
    """A pair's inputs are the images that its sources name, up to the standardisation."""
    pairs = draw_pair_sets(mnist, 0, Recipe()).test
    image = torch.from_numpy(mnist.test.images[pairs.sources[7]])
    assert torch.corrcoef(torch.stack([image.flatten(), pairs.inputs[7].flatten()]))[0, 1] > 0.9999


def test_same_seed_same_pairs_and_other_seed_other_pairs(mnist: Mnist) -> None:
    """Drawing twice gives the same sets; MNIST itself is left as it was."""
    before = mnist.train.images.sum()
    first, again, other = (draw_pair_sets(mnist, seed, Recipe()) for seed in (0, 0, 1))
    assert torch.equal(first.train.inputs, again.train.inputs)
    assert torch.equal(first.validation.labels, again.validation.labels)
    assert not np.array_equal(first.test.sources, other.test.sources)
    assert mnist.train.images.sum() == before


def test_fewer_epochs_or_another_split_change_no_pair(mnist: Mnist) -> None:
    """Streams are apart: only the split moves with validation_fraction."""
    first = draw_pair_sets(mnist, 0, Recipe())
    other = draw_pair_sets(mnist, 0, Recipe(epochs=1, validation_fraction=0.5))
    assert np.array_equal(first.test.sources, other.test.sources)
    images, others = (
        np.unique(np.vstack([sets.train.sources, sets.validation.sources]))
        for sets in (first, other)
    )
    assert np.array_equal(images, others)


def test_sheet_is_a_png(mnist: Mnist, tmp_path: Path) -> None:
    """A picture of some size is written."""
    save_sheet(mnist, tmp_path / "pairs.png", seed=0)
    content = (tmp_path / "pairs.png").read_bytes()
    assert content.startswith(b"\x89PNG\r\n")
    assert len(content) > 10_000
