"""Dropout's masks."""

import numpy as np

from mnistcmp.training.stacked.loops.compiled import Array, compiled

GAMMA, FIRST, SECOND = (
    np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
BY = np.uint64(27), np.uint64(30), np.uint64(31)


@compiled
def draw(keys: Array, firsts: Array, threshold: int, scale: float, result: Array) -> None:
    """The masks of R rows: `mnistcmp.seeding.random_words`, and what dropout makes of them.

    Args:
        keys: (R,), uint64.
        firsts: (R,), uint64: counter of each row's first word.
        threshold: Sixteen bits, signed, drop a value when they are below.
        scale: Of a value that is kept.
        result: Where the masks go, (R, 4 x words).
    """
    words = np.empty(result.shape[1] // 4, np.uint64)
    lanes = words.view(np.int16)
    kept, dropped = result.dtype.type(scale), result.dtype.type(0)
    limit = np.int16(threshold)
    for row in range(len(keys)):
        for i in range(len(words)):
            word = keys[row] + (firsts[row] + np.uint64(i)) * GAMMA
            word = (word ^ (word >> BY[1])) * FIRST
            word = (word ^ (word >> BY[0])) * SECOND
            words[i] = word ^ (word >> BY[2])
        own = result[row]
        for i in range(len(lanes)):
            own[i] = kept if lanes[i] >= limit else dropped
