"""The S4D recurrence: M complex modes per neuron, one of each conjugate pair.

    x = charge + bias;   h <- a h + b x  (mode by mode);   y = 2 Re sum_n c_n h_n + d x      (with the new h)

Canonical order of the sums, which makes float64 the reference: modes ascending, then times 2, then + d x; within a
mode (a_re h_re - a_im h_im) + b_re x and (a_re h_im + a_im h_re) + b_im x.

In float32, states below the smallest normal number become 0: a decaying state would otherwise spend most of its time
among denormals, which processors handle slowly. float64 is left alone.

Source: Gu, Gupta, Goel, Ré, "On the Parameterization and Initialization of Diagonal State Space Models",
arXiv 2206.11893.
"""

from neurosim.kernel import inlined, kernel, part
from neurosim.models.powers import raise_complex

# Rows behind the per-mode parameters (six tables of n_modes rows) and the per-mode state (two).
MODE_TABLES, MODE_STATES = 6, 2
D, BIAS, THRESHOLD, LEAK = 0, 1, 2, 3


@kernel
def advance_modes(n_modes, parameters, state, charge, output, active):
    """Advance the modes by one token: write h_real and h_imag into state, y into output row 0, and active."""
    zero = output.dtype.type(0)
    bias, given = parameters[MODE_TABLES * n_modes + BIAS], charge[0]
    mark_active(n_modes, state, given, bias, active)
    for neuron in range(given.size):
        output[0, neuron] = zero
    for mode in range(n_modes):
        _advance_mode(parameters[mode], parameters[n_modes + mode], parameters[2 * n_modes + mode],
                      parameters[3 * n_modes + mode], parameters[4 * n_modes + mode], parameters[5 * n_modes + mode],
                      bias, given, state[mode], state[n_modes + mode], output[0])
    _finish_output(parameters[MODE_TABLES * n_modes + D], bias, given, output[0])


@kernel
def mark_active(n_modes, state, given, bias, active):
    """Set active where a charge, a bias or a word of the modes is not 0: mostly the first look tells.

    A loop of its own: bytes among words would keep the one over the modes from being vectorised well.
    """
    for neuron in range(given.size):
        found = given[neuron] != 0 or bias[neuron] != 0
        row = 0
        while not found and row < MODE_STATES * n_modes:
            found = state[row, neuron] != 0
            row += 1
        active[neuron] = found


@inlined
def _advance_mode(a_real, a_imag, b_real, b_imag, c_real, c_imag, bias, given, h_real, h_imag, total):
    """Advance one mode of every neuron; add c_re h_re - c_im h_im to `total`. Neurons inside: this loop vectorises."""
    number = total.dtype.type
    smallest = number(1.1754943508222875e-38) if total.itemsize == 4 else number(0)
    zero = number(0)
    for neuron in range(total.size):
        real, imag, x = h_real[neuron], h_imag[neuron], given[neuron] + bias[neuron]
        new_real = a_real[neuron] * real - a_imag[neuron] * imag + b_real[neuron] * x
        new_imag = a_real[neuron] * imag + a_imag[neuron] * real + b_imag[neuron] * x
        new_real = zero if abs(new_real) < smallest else new_real
        new_imag = zero if abs(new_imag) < smallest else new_imag
        h_real[neuron], h_imag[neuron] = new_real, new_imag
        total[neuron] += c_real[neuron] * new_real - c_imag[neuron] * new_imag


@kernel
def _finish_output(d, bias, given, total):
    """Turn the sum over modes into y = 2 sum + d x."""
    two = total.dtype.type(2)
    for neuron in range(total.size):
        total[neuron] = two * total[neuron] + d[neuron] * (given[neuron] + bias[neuron])


@part
def elapse_modes(n_modes, elapsed, parameters):
    """Make every mode's a that of one step that lasts as long as `elapsed` steps without input."""
    for mode in range(n_modes):
        raise_complex(parameters[mode], parameters[n_modes + mode], elapsed)
