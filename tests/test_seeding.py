"""Named random streams."""

import torch

from mnistcmp.seeding import Stream, numpy_generator, seeded_torch, torch_generator

CPU = torch.device("cpu")


def test_a_stream_starts_over_each_time() -> None:
    """The same seed and stream give the same numbers."""
    first, again = (numpy_generator(3, Stream.SPLIT).permutation(100) for _ in range(2))
    assert (first == again).all()


def test_streams_and_seeds_are_apart() -> None:
    """Another stream, and another seed, give other numbers."""
    draws = {
        float(torch.rand(1, generator=torch_generator(seed, stream)))
        for seed in (0, 1, 2)
        for stream in Stream
    }
    assert len(draws) == 3 * len(Stream)


def test_seeding_torch_leaves_its_default_generator_as_it_was() -> None:
    """Code around a training keeps its own random numbers."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with seeded_torch(0, Stream.WEIGHTS, CPU):
        torch.rand(10)
    assert torch.equal(torch.rand(3), expected)
