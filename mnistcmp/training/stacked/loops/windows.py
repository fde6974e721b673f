"""The input of a stack, cut from its images."""

from mnistcmp.training.stacked.loops.compiled import Array, compiled

SIDE, STRIDE = 4, 2
ACROSS = 6
"""Windows in a row of an image."""


@compiled
def cut(images: Array, pairs: Array, result: Array) -> None:
    """The windows of a batch's images, of 4 x 4 pixels, two apart.

    Args:
        images: (S, N, 2, 14, 14).
        pairs: (S, B): which of the N.
        result: (S, 2, 36, B, 16), or (S, 36, B, 32), in which a window has both images' pixels.
    """
    for run in range(len(pairs)):
        for image in range(2):
            for down in range(ACROSS):
                for i in range(pairs.shape[1]):
                    pixels = images[run, pairs[run, i], image]
                    for across in range(ACROSS):
                        position, left = down * ACROSS + across, across * STRIDE
                        if result.ndim == 5:  # noqa: PLR2004 - see above
                            out = result[run, image, position, i]
                        else:
                            out = result[run, position, i, image * SIDE * SIDE :]
                        for row in range(SIDE):
                            line = pixels[down * STRIDE + row]
                            # All four at once: as a loop it takes three times as long.
                            a, b, c, d = line[left], line[left + 1], line[left + 2], line[left + 3]
                            to = row * SIDE
                            out[to], out[to + 1], out[to + 2], out[to + 3] = a, b, c, d
