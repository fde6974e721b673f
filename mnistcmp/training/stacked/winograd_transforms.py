"""The compiled transforms of `winograd`: of inputs and kernels, and to pooled outputs.

A transform of two dimensions is one of six (or three) values applied to all rows, then to all
columns. Tiles are (36, J), kernels (9, J), for J independent numbers side by side, of which a block
at a time goes through both, so that what is between stays in the first cache. The gradient of a
transform is its transposed, which is written out as well: `of_input` and `_input_transposed`.
"""

import numpy as np

from mnistcmp.training.stacked.compiled import Array, Number, compiled

Values = tuple[Number, ...]

TWO, FOUR, FIVE, SIX, EIGHT, TWENTY_FOUR = (np.float32(n) for n in (2, 4, 5, 6, 8, 24))
"""Exact, and of a type that makes nothing longer."""
ZERO, ONE, SECOND, THIRD = (np.int32(number) for number in range(4))
TILE, KERNEL, OUTPUT = 6, 3, 4
"""Rows and columns."""
BLOCK = 64
"""Numbers at a time, so that what is between rows and columns stays in the first cache."""


@compiled
def _six(x: Array, at: int, step: int, i: np.uint64) -> Values:
    return (
        x[at, i],
        x[at + step, i],
        x[at + 2 * step, i],
        x[at + 3 * step, i],
        x[at + 4 * step, i],
        x[at + 5 * step, i],
    )


@compiled
def _put_six(y: Array, at: int, step: int, i: np.uint64, values: Values) -> None:
    y[at, i] = values[0]
    y[at + step, i] = values[1]
    y[at + 2 * step, i] = values[2]
    y[at + 3 * step, i] = values[3]
    y[at + 4 * step, i] = values[4]
    y[at + 5 * step, i] = values[5]


@compiled
def of_input(v: Values) -> Values:
    """The transform of six values of an input."""
    a, b, c, d, e, f = v
    even, odd = e - FOUR * c, d - FOUR * b
    even2, odd2 = e - c, TWO * (d - b)
    return (
        FOUR * a - FIVE * c + e,
        even + odd,
        even - odd,
        even2 + odd2,
        even2 - odd2,
        FOUR * b - FIVE * d + f,
    )


@compiled
def _input_transposed(v: Values) -> Values:
    a, b, c, d, e, f = v
    plus, minus, plus2, minus2 = b + c, b - c, d + e, TWO * (d - e)
    return (
        FOUR * a,
        FOUR * (f - minus) - minus2,
        -FIVE * a - FOUR * plus - plus2,
        minus + minus2 - FIVE * f,
        a + plus + plus2,
        f,
    )


@compiled
def of_kernel(v: Values) -> Values:
    """The transform of three values of a kernel."""
    a, b, c = v
    sides, far = (a + c) / SIX, (a + FOUR * c) / TWENTY_FOUR
    middle, half = b / SIX, TWO * b / TWENTY_FOUR
    return a / FOUR, -sides - middle, middle - sides, far + half, far - half, c


@compiled
def _kernel_transposed(v: Values) -> Values:
    a, b, c, d, e, f = v
    near, far = (b + c) / SIX, (d + e) / TWENTY_FOUR
    return (
        a / FOUR - near + far,
        (c - b) / SIX + TWO * (d - e) / TWENTY_FOUR,
        FOUR * far - near + f,
    )


@compiled
def to_output(v: Values) -> Values:
    """The transform of six products to four outputs."""
    a, b, c, d, e, f = v
    plus, plus2, minus, minus2 = b + c, d + e, b - c, d - e
    return (
        a + plus + plus2,
        minus + TWO * minus2,
        plus + FOUR * plus2,
        minus + EIGHT * minus2 + f,
    )


@compiled
def _output_transposed(a: Number, b: Number, c: Number, d: Number) -> Values:
    near, odd = a + c, b + d
    far, odd2 = a + FOUR * c, TWO * b + EIGHT * d
    return a, near + odd, near - odd, far + odd2, far - odd2, d


@compiled
def transform_inputs(x: Array, y: Array, transposed: bool | None) -> None:  # noqa: FBT001 - see below
    """Inputs (R, 36, J) to tiles (R, 36, J), or transposed, as the gradient of tiles goes back.

    Numba leaves out what is not done where an argument is None.
    """
    between = np.empty((TILE * TILE, BLOCK), x.dtype)
    for row in range(len(x)):
        own, out = x[row], y[row]
        for start in range(0, x.shape[2], BLOCK):
            width = min(BLOCK, x.shape[2] - start)
            for line in range(TILE):
                for j in range(width):
                    v = _six(own, line * TILE, 1, np.uint64(start) + np.uint64(j))
                    values = of_input(v) if transposed is None else _input_transposed(v)
                    _put_six(between, line * TILE, 1, np.uint64(j), values)
            for line in range(TILE):
                for j in range(width):
                    v = _six(between, line, TILE, np.uint64(j))
                    values = of_input(v) if transposed is None else _input_transposed(v)
                    _put_six(out, line, TILE, np.uint64(start) + np.uint64(j), values)


@compiled
def transform_kernels(x: Array, y: Array) -> None:
    """Kernels (R, 9, J) to tiles (R, 36, J)."""
    between = np.empty((KERNEL * TILE, BLOCK), x.dtype)
    for row in range(len(x)):
        own, out = x[row], y[row]
        for start in range(0, x.shape[2], BLOCK):
            width = min(BLOCK, x.shape[2] - start)
            for line in range(KERNEL):
                at = line * KERNEL
                for j in range(width):
                    i = np.uint64(start) + np.uint64(j)
                    values = of_kernel((own[at, i], own[at + 1, i], own[at + 2, i]))
                    _put_six(between, line * TILE, 1, np.uint64(j), values)
            for line in range(TILE):
                for j in range(width):
                    i = np.uint64(start) + np.uint64(j)
                    a, b, c = between[line, j], between[line + TILE, j], between[line + 2 * TILE, j]
                    _put_six(out, line, TILE, i, of_kernel((a, b, c)))


@compiled
def grad_transform_kernels(gradient: Array, result: Array) -> None:
    """The gradient of `transform_kernels`: (R, 36, J) to (R, 9, J)."""
    between = np.empty((TILE * KERNEL, BLOCK), gradient.dtype)
    for row in range(len(gradient)):
        own, out = gradient[row], result[row]
        for start in range(0, gradient.shape[2], BLOCK):
            width = min(BLOCK, gradient.shape[2] - start)
            for line in range(TILE):
                at = line * KERNEL
                for j in range(width):
                    i = np.uint64(start) + np.uint64(j)
                    a, b, c = _kernel_transposed(_six(own, line * TILE, 1, i))
                    between[at, j], between[at + 1, j], between[at + 2, j] = a, b, c
            for line in range(KERNEL):
                for j in range(width):
                    i = np.uint64(start) + np.uint64(j)
                    a, b, c = _kernel_transposed(_six(between, line, KERNEL, np.uint64(j)))
                    out[line, i], out[line + KERNEL, i], out[line + 2 * KERNEL, i] = a, b, c


@compiled
def pool_products(products: Array, largest: Array, which: Array) -> None:
    """Tiles (36, J) to outputs of 4 x 4, of which each window of 2 x 2 keeps its largest.

    The four windows' go to `largest`, (4, J), and which of its four it was to `which`, int32.
    """
    between = np.empty((TILE * OUTPUT, BLOCK), products.dtype)
    for start in range(0, products.shape[1], BLOCK):
        width = min(BLOCK, products.shape[1] - start)
        for line in range(TILE):
            at = line * OUTPUT
            for j in range(width):
                i = np.uint64(start) + np.uint64(j)
                a, b, c, d = to_output(_six(products, line * TILE, 1, i))
                between[at, j], between[at + 1, j] = a, b
                between[at + 2, j], between[at + 3, j] = c, d
        for side in range(2):
            for j in range(width):
                i = np.uint64(start) + np.uint64(j)
                a, c, e, g = to_output(_six(between, 2 * side, OUTPUT, np.uint64(j)))
                b, d, f, h = to_output(_six(between, 2 * side + 1, OUTPUT, np.uint64(j)))
                upper, lower = b if b > a else a, d if d > c else c
                of_upper, of_lower = ONE if b > a else ZERO, THIRD if d > c else SECOND
                largest[side, i] = lower if lower > upper else upper
                which[side, i] = of_lower if lower > upper else of_upper
                upper, lower = f if f > e else e, h if h > g else g
                of_upper, of_lower = ONE if f > e else ZERO, THIRD if h > g else SECOND
                largest[side + 2, i] = lower if lower > upper else upper
                which[side + 2, i] = of_lower if lower > upper else of_upper


@compiled
def grad_pool_products(gradient: Array, which: Array, result: Array) -> None:
    """The gradient of `pool_products`: (4, J) to (36, J)."""
    between = np.empty((TILE * OUTPUT, BLOCK), gradient.dtype)
    zero = gradient.dtype.type(0)
    for start in range(0, gradient.shape[1], BLOCK):
        width = min(BLOCK, gradient.shape[1] - start)
        for column in range(OUTPUT):
            side = column // 2
            upper, lower = np.int32(column % 2), np.int32(column % 2 + 2)
            for j in range(width):
                i = np.uint64(start) + np.uint64(j)
                above, below = which[side, i], which[side + 2, i]
                values = _output_transposed(
                    gradient[side, i] if above == upper else zero,
                    gradient[side, i] if above == lower else zero,
                    gradient[side + 2, i] if below == upper else zero,
                    gradient[side + 2, i] if below == lower else zero,
                )
                _put_six(between, column, OUTPUT, np.uint64(j), values)
        for line in range(TILE):
            at = line * OUTPUT
            for j in range(width):
                i = np.uint64(start) + np.uint64(j)
                a, b = between[at, j], between[at + 1, j]
                c, d = between[at + 2, j], between[at + 3, j]
                _put_six(result, line * TILE, 1, i, _output_transposed(a, b, c, d))
