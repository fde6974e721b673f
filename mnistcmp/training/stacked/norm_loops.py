"""The compiled loops of `norm`, a segment (the values of a channel and use) at a time.

Activations are (R, C, U, P, B) as in `layer`, the batch innermost, handed over as flat memory and
the steps in it between rows, channels, uses and positions, so that a block can read any layout and
write the one that the next layer wants. So are the masks of dropout, None without it. The map's
`bias` and batch norm's `weight`, `offset` (its bias) and running statistics are (R, C); `mean` and
`scale`, 1 / sqrt(variance + epsilon), are (R, C, U); a `shape` is P and B.
"""

import numpy as np

from mnistcmp.training.stacked.compiled import Array, Number, compiled

Steps = tuple[int, int, int, int]


@compiled
def _activate(
    values: Array,
    shape: tuple[int, int],
    x: Array,
    start: int,
    step: int,
    bias: Number,
    masks: Array,
    at: int,
    mask_step: int,
) -> None:
    """A segment's values after bias, mask and ReLU, (P x B,)."""
    positions, batch = shape
    zero = x.dtype.type(0)
    if masks is None and step == batch:
        positions, batch = 1, positions * batch
    for position in range(positions):
        own = x[start + position * step :][:batch]
        out = values[position * batch :][:batch]
        if masks is None:
            for i in range(batch):
                value = own[i] + bias
                out[i] = zero if value < zero else value
        else:
            mask = masks[at + position * mask_step :][:batch]
            for i in range(batch):
                value = (own[i] + bias) * mask[i]
                out[i] = zero if value < zero else value


@compiled
def _at(steps: Steps, row: int, channel: int, use: int) -> int:
    return row * steps[0] + channel * steps[1] + use * steps[2]


@compiled
def norm_forward(
    x: Array,
    steps: Steps,
    masks: Array,
    mask_steps: Steps,
    bias: Array,
    weight: Array,
    offset: Array,
    epsilon: float,
    y: Array,
    y_steps: Steps,
    mean: Array,
    scale: Array,
    running_mean: Array,
    running_var: Array,
    momentum: float,
    shape: tuple[int, int],
) -> None:
    """From x to y: bias, dropout, ReLU and batch norm by the batch's own statistics.

    These go to `mean` and `scale`, and the running ones follow them in passing, use by use, where
    their numbers are at hand; the variance with divisor count - 1, as in PyTorch's.
    """
    positions, batch = shape
    count = positions * batch
    values = np.empty(count, x.dtype)
    number = x.dtype.type
    share, kept, moved = number(1 / count), number(1 - momentum), number(momentum)
    unbiased = number(momentum / max(count - 1, 1))
    for row, channel, use in np.ndindex(mean.shape):
        own = _at(steps, row, channel, use)
        at = _at(mask_steps, row, channel, use)
        _activate(values, shape, x, own, steps[3], bias[row, channel], masks, at, mask_steps[3])
        total, squares = number(0), number(0)
        for i in range(count):
            total += values[i]
        center = total * share
        for i in range(count):
            squares += (values[i] - center) * (values[i] - center)
        inverse = number(1 / np.sqrt(squares * share + number(epsilon)))
        mean[row, channel, use] = center
        scale[row, channel, use] = inverse
        running_mean[row, channel] = kept * running_mean[row, channel] + moved * center
        running_var[row, channel] = kept * running_var[row, channel] + unbiased * squares
        slope = weight[row, channel] * inverse
        base = offset[row, channel]
        start = _at(y_steps, row, channel, use)
        for position in range(positions):
            out = y[start + position * y_steps[3] :][:batch]
            part = values[position * batch :][:batch]
            for i in range(batch):
                out[i] = (part[i] - center) * slope + base


@compiled
def norm_backward(
    gradient: Array,
    gradient_steps: Steps,
    x: Array,
    steps: Steps,
    masks: Array,
    mask_steps: Steps,
    bias: Array,
    weight: Array,
    mean: Array,
    scale: Array,
    grad_x: Array,
    grad_bias: Array,
    grad_weight: Array,
    grad_offset: Array,
    shape: tuple[int, int],
) -> None:
    """The gradients of `norm_forward`, from that of y; `grad_x` is laid out as x is.

    Those of bias, weight and offset are added to what is there.
    """
    positions, batch = shape
    count = positions * batch
    values, grads = np.empty(count, x.dtype), np.empty(count, x.dtype)
    number = x.dtype.type
    zero, share = number(0), number(1 / count)
    for row, channel, use in np.ndindex(mean.shape):
        own = _at(steps, row, channel, use)
        at = _at(mask_steps, row, channel, use)
        _activate(values, shape, x, own, steps[3], bias[row, channel], masks, at, mask_steps[3])
        center, inverse = mean[row, channel, use], scale[row, channel, use]
        start = _at(gradient_steps, row, channel, use)
        for position in range(positions):
            given = gradient[start + position * gradient_steps[3] :][:batch]
            part = grads[position * batch :][:batch]
            for i in range(batch):
                part[i] = given[i]
        total, product, passed = zero, zero, zero
        for i in range(count):
            total += grads[i]
            product += grads[i] * (values[i] - center)
        product *= inverse
        # Each value also moves the mean and the scale.
        level, lean = total * share, product * share * inverse
        slope = weight[row, channel] * inverse
        for i in range(count):
            moved = (grads[i] - level - (values[i] - center) * lean) * slope
            grads[i] = moved if values[i] > zero else zero
        if masks is not None:
            for position in range(positions):
                mask = masks[at + position * mask_steps[3] :][:batch]
                part = grads[position * batch :][:batch]
                for i in range(batch):
                    part[i] *= mask[i]
        for i in range(count):
            passed += grads[i]
        for position in range(positions):
            out = grad_x[own + position * steps[3] :][:batch]
            part = grads[position * batch :][:batch]
            for i in range(batch):
                out[i] = part[i]
        grad_bias[row, channel] += passed
        grad_weight[row, channel] += product
        grad_offset[row, channel] += total


@compiled
def norm_evaluate(
    x: Array,
    steps: Steps,
    bias: Array,
    slope: Array,
    offset: Array,
    y: Array,
    y_steps: Steps,
    shape: tuple[int, int, int],
) -> None:
    """From x to y: bias, ReLU and batch norm by its running statistics, without dropout.

    Those are a `slope` and an `offset`, (R, C) each; `shape` is U, P and B.
    """
    uses, positions, batch = shape
    zero = x.dtype.type(0)
    for row, channel in np.ndindex(bias.shape):
        shift, scale, base = bias[row, channel], slope[row, channel], offset[row, channel]
        for use in range(uses):
            start, to = _at(steps, row, channel, use), _at(y_steps, row, channel, use)
            for position in range(positions):
                own = x[start + position * steps[3] :][:batch]
                out = y[to + position * y_steps[3] :][:batch]
                for i in range(batch):
                    value = own[i] + shift
                    out[i] = (zero if value < zero else value) * scale + base
