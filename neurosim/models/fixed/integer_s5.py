"""Intel's S5 in integers: the complex diagonal recurrence, its read-out and its sigmoid table. Every shift floors.

    x_re' = ((a_re x_re) >> s0) - ((a_im x_im) >> s1) + align(bu_re)
    x_im' = ((a_re x_im) >> s2) + ((a_im x_re) >> s3) + align(bu_im)
    scan path: no clip.   loop path: products and their sum clipped to x bits + 4, the new state to x bits
    x+ = x where re > 0 or (re = 0 and im > 0), else 0      (complex ReLU; the recurrence keeps x itself)
    y  = 2 clip(clip(C_re x+_re) - clip(C_im x+_im));   y <- clip(y + clip(D u))

The recipe w8a16 has 16 bits for a, u, Bu, x and y and 8 for B, C and D. Values are data / 2**exponent, an exponent per
quantity. Arrays are [mode, channel] with the longer axis last, whose loop vectorises.

Source: IntelLabs/SparseRNNs b623aeab, `sparseRNNs/fxparray.py` and `sparseRNNs/fxpmodel.py`, of "Accelerating Linear
Recurrent Neural Networks for the Edge with Unstructured Sparsity".
"""

import math
from typing import NamedTuple

import numpy as np

from neurosim.kernel import inlined, kernel
from neurosim.numbers import clip, shift_floor


class S5Shifts(NamedTuple):
    """Right shifts of one step; those of Bu may be negative."""

    real_real: int
    imag_imag: int
    real_imag: int
    imag_real: int
    bu_real: int
    bu_imag: int


def scan_shifts(a_real, a_imag, bu_real, bu_imag, x_real, x_imag):
    """Return the shifts of the scan path from the exponents of its quantities."""
    return S5Shifts(a_real, a_real, a_imag, a_imag, bu_real - x_real, bu_imag - x_imag)


def loop_shifts(a_real, a_imag, bu_real, bu_imag, x_real, x_imag):
    """Return the shifts of the loop path, which differ where the exponents of re and im do."""
    return S5Shifts(a_real, a_imag + x_imag - x_real, a_real, a_imag + x_real - x_imag,
                    bu_real - x_real, bu_imag - x_imag)


@kernel
def advance_scan(shifts, a_real, a_imag, bu_real, bu_imag, x_bits, x_real, x_imag):
    """Advance `x_real` and `x_imag` in place; return how many of the new words leave `x_bits` bits (they stay as is).

    All arrays are int32 [mode, channel]. As upstream, products have 32 bits, which 16-bit a and |x| < 2**16 respect.
    Shifts of products are 0 to 31.
    """
    n_beyond = 0
    for mode in range(x_real.shape[0]):
        n_beyond += _advance_mode(shifts, a_real[mode], a_imag[mode], bu_real[mode], bu_imag[mode], x_bits,
                                  x_real[mode], x_imag[mode])
    return n_beyond


@inlined
def _advance_mode(shifts, a_real, a_imag, bu_real, bu_imag, x_bits, x_real, x_imag):
    """Advance one row. Casts and masks keep every step in 32-bit words, or it would run at half the speed."""
    real_real, imag_imag = np.int32(shifts.real_real & 31), np.int32(shifts.imag_imag & 31)
    real_imag, imag_real = np.int32(shifts.real_imag & 31), np.int32(shifts.imag_real & 31)
    real_down, real_up = np.int32(max(shifts.bu_real, 0) & 31), np.int32(max(-shifts.bu_real, 0) & 31)
    imag_down, imag_up = np.int32(max(shifts.bu_imag, 0) & 31), np.int32(max(-shifts.bu_imag, 0) & 31)
    high = np.int32((1 << (x_bits - 1)) - 1)
    low = np.int32(-high - 1)
    n_beyond = np.int32(0)
    for channel in range(x_real.size):
        real, imag = np.int64(x_real[channel]), np.int64(x_imag[channel])
        decay, turn = np.int64(a_real[channel]), np.int64(a_imag[channel])
        new_real = np.int32((np.int32(decay * real) >> real_real) - (np.int32(turn * imag) >> imag_imag)
                            + (np.int32(bu_real[channel] << real_up) >> real_down))
        new_imag = np.int32((np.int32(decay * imag) >> real_imag) + (np.int32(turn * real) >> imag_real)
                            + (np.int32(bu_imag[channel] << imag_up) >> imag_down))
        beyond = np.int32((new_real < low) | (new_real > high)) + np.int32((new_imag < low) | (new_imag > high))
        n_beyond = np.int32(n_beyond + beyond)
        x_real[channel], x_imag[channel] = new_real, new_imag
    return np.int64(n_beyond)


@kernel
def advance_loop(shifts, a_real, a_imag, bu_real, bu_imag, bu_bits, x_bits, x_real, x_imag):
    """Advance in place with the loop path's clips, int32 or int64 arrays; return how many new words were clipped."""
    n_clipped = 0
    wide, narrow = 1 << (x_bits + 3), 1 << (x_bits - 1)
    most = 1 << (bu_bits - 1)
    for mode in range(x_real.shape[0]):
        for channel in range(x_real.shape[1]):
            real, imag = np.int64(x_real[mode, channel]), np.int64(x_imag[mode, channel])
            decay, turn = np.int64(a_real[mode, channel]), np.int64(a_imag[mode, channel])
            real_real, _ = clip((decay * real) >> shifts.real_real, -wide, wide - 1)
            imag_imag, _ = clip((turn * imag) >> shifts.imag_imag, -wide, wide - 1)
            real_imag, _ = clip((decay * imag) >> shifts.real_imag, -wide, wide - 1)
            imag_real, _ = clip((turn * real) >> shifts.imag_real, -wide, wide - 1)
            turned_real, _ = clip(real_real - imag_imag, -wide, wide - 1)
            turned_imag, _ = clip(real_imag + imag_real, -wide, wide - 1)
            given_real, _ = clip(shift_floor(np.int64(bu_real[mode, channel]), shifts.bu_real), -most, most - 1)
            given_imag, _ = clip(shift_floor(np.int64(bu_imag[mode, channel]), shifts.bu_imag), -most, most - 1)
            x_real[mode, channel], real_clipped = clip(turned_real + given_real, -narrow, narrow - 1)
            x_imag[mode, channel], imag_clipped = clip(turned_imag + given_imag, -narrow, narrow - 1)
            n_clipped += int(real_clipped) + int(imag_clipped)
    return n_clipped


@kernel
def rectify(x_real, x_imag, output_real, output_imag):
    """Set the outputs to x where it is lexicographically above 0, else to 0; all int [n]."""
    for i in range(x_real.size):
        kept = (x_real[i] > 0) | ((x_real[i] == 0) & (x_imag[i] > 0))
        output_real[i], output_imag[i] = (x_real[i], x_imag[i]) if kept else (0, 0)


@kernel
def multiply_matrix(matrix, vector, shift, bits, output):
    """Set output[i] = clip((sum_j matrix[i, j] vector[j]) >> shift, bits); return how many were clipped."""
    n_clipped, most = 0, 1 << (bits - 1)
    for i in range(matrix.shape[0]):
        total = np.int64(0)
        for j in range(matrix.shape[1]):
            total += np.int64(matrix[i, j]) * np.int64(vector[j])
        output[i], clipped = clip(shift_floor(total, shift), -most, most - 1)
        n_clipped += int(clipped)
    return n_clipped


class S5ReadOut(NamedTuple):
    """Right shifts of the products of the read-out, and the bits of y."""

    c_real: int     # C exponent + x exponent - y exponent
    c_imag: int
    d: int          # D exponent + u exponent - y exponent
    bits: int = 16


@kernel
def read_out(options, c_real, c_imag, d, x_real, x_imag, u, y):
    """Set `y` [out] from C [out, mode], D [out], the rectified state [mode] and u [out]; return how many clips."""
    n_clipped, low, high = 0, -(1 << (options.bits - 1)), (1 << (options.bits - 1)) - 1
    for i in range(c_real.shape[0]):
        total_real, total_imag = np.int64(0), np.int64(0)
        for mode in range(c_real.shape[1]):
            total_real += np.int64(c_real[i, mode]) * np.int64(x_real[mode])
            total_imag += np.int64(c_imag[i, mode]) * np.int64(x_imag[mode])
        from_real, clipped_real = clip(shift_floor(total_real, options.c_real), low, high)
        from_imag, clipped_imag = clip(shift_floor(total_imag, options.c_imag), low, high)
        half, clipped_half = clip(from_real - from_imag, low, high)
        skipped, clipped_skip = clip(shift_floor(np.int64(d[i]) * np.int64(u[i]), options.d), low, high)
        y[i], clipped_sum = clip(2 * half + skipped, low, high)
        n_clipped += (int(clipped_real) + int(clipped_imag) + int(clipped_half) + int(clipped_skip)
                      + int(clipped_sum))
    return n_clipped


def sigmoid_table(x_fraction=6, y_fraction=8):
    """Return sigmoid(k) - 1/2 for k = 0 to 7 in y_fraction bits, and with them the shifts: (int64[8], x, y fraction).

    The default is 0, 59, 97, 116, 123, 126, 127, 128.
    """
    one = 1 << y_fraction
    return np.array([round(one / (1 + math.exp(-k))) - one // 2 for k in range(8)], np.int64), x_fraction, y_fraction


@kernel
def sigmoid(table, x_fraction, y_fraction, x, output):
    """Set output[i] to the table's sigmoid of x[i] (int, x_fraction bits): linear between entries, two floors.

    From 7 on, it repeats the interval from 6 to 7, as upstream does.
    """
    one = np.int64(1) << x_fraction
    half = np.int64(1) << (y_fraction - 1)
    for i in range(x.size):
        magnitude = abs(np.int64(x[i]))
        entry, part = min(magnitude >> x_fraction, 6), magnitude & (one - 1)
        rise = (((one - part) * table[entry]) >> x_fraction) + ((part * table[entry + 1]) >> x_fraction)
        output[i] = half + rise if x[i] > 0 else half - rise
