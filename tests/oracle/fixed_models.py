"""Plain-Python integers: what `neurosim.models.fixed.registry.update_fixed` computes, one neuron at a time.

Written from the equations with the unlimited integers of `tests.oracle.fixed`, not from kernels. A model is a function
of (setting, parameters, state, charge, place): integers in the order of the kernel's rows. It returns (outputs, new
state, how many values did not fit); `is_active` says whether anything came in or was held.

Random entries: rounding k of mode m takes `first + 6 (m size + neuron) + k`, k in the order of the equations; the
neuron's own conversions take eight entries behind those of all modes, in the order in which they are written here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tests.oracle.fixed import clip, delta, fitted, rounded, trz

Ints = Sequence[int]
Result = tuple[Ints, Ints, int]


class Slot(NamedTuple):
    """A format, without its point."""

    bits: int
    signed: bool
    overflow: str
    rounding: str


class Table(NamedTuple):
    """F(k / 2**step_shift) - 1/2 for k = 0 to 16 * 2**step_shift, y_fraction bits behind the point."""

    entries: Ints
    x_fraction: int
    y_fraction: int
    step_shift: int


class Setting(NamedTuple):
    """What the neurons of a population share.

    slots : `value` (the ternary unit's port), `state`, `second_state`, `internal`, `output`, `second_output`
    options : the choice of each attribute
    """

    slots: Mapping[str, Slot]
    options: Mapping[str, str]
    n_modes: int
    decay_shift: int
    leak_shift: int
    payload_shift: int
    key: int
    table: Table


class Place(NamedTuple):
    """Which neuron of how many, and the first random entry of the update."""

    first: int
    size: int
    neuron: int

    def mode(self, mode: int) -> int:
        """Return the first random entry of a mode."""
        return self.first + 6 * (mode * self.size + self.neuron)

    def own(self, n_modes: int) -> int:
        """Return the first random entry of the neuron's own conversions."""
        return self.first + 6 * n_modes * self.size + 8 * self.neuron


def entries_per_update(n_modes: int, size: int) -> int:
    """Return how many random entries belong to an update of a population."""
    return (6 * n_modes + 8) * size


def converted(setting: Setting, slot: str, value: int, mantissa: int, shift: int, entry: int) -> int:
    """Return value mantissa / 2**shift, rounded as the slot says."""
    return rounded(value * mantissa, shift, setting.slots[slot].rounding, setting.key, entry)


def held(setting: Setting, slot: str, value: int) -> tuple[int, bool]:
    """Return (value made to fit the slot, whether it did not)."""
    bits, signed, overflow, _ = setting.slots[slot]
    return fitted(value, bits, signed, overflow)


# --- tables ----------------------------------------------------------------------------------------------------------

def sigmoid_above_half(x: float) -> float:
    """Return 1 / (1 + exp(-x)) - 1/2."""
    return 0.5 * math.tanh(0.5 * x)


def normal_above_half(x: float) -> float:
    """Return the distribution function of the standard normal, less 1/2."""
    return 0.5 * math.erf(x * math.sqrt(0.5))


def tanh_above_half(x: float) -> float:
    """Return GELU's stand-in for the normal distribution function, less 1/2."""
    return 0.5 * math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def table_of(above_half: Callable[[float], float], x_fraction: int = 10, y_fraction: int = 15,
             step_shift: int = 4) -> Table:
    """Return the table of a function that is odd about one half, given without that half."""
    points = range(16 * 2**step_shift + 1)
    return Table([round(above_half(k / 2**step_shift) * 2**y_fraction) for k in points], x_fraction, y_fraction,
                 step_shift)


def looked_up(table: Table, x: int) -> int:
    """Return F(x): between entries a floor of the straight line, from 16 on the last entry."""
    unit = 2 ** (table.x_fraction - table.step_shift)
    k, part = divmod(abs(x), unit)
    rise = table.entries[-1]
    if k < len(table.entries) - 1:
        rise = table.entries[k] + (table.entries[k + 1] - table.entries[k]) * part // unit
    half = 2 ** (table.y_fraction - 1)
    return half + rise if x >= 0 else half - rise


# --- sums ------------------------------------------------------------------------------------------------------------

def linear(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Sum and bias."""
    bias, mantissa, shift = parameters
    y, beyond = held(setting, "output", converted(setting, "output", charge[0] + bias, mantissa, shift, place.own(0)))
    return [y], state, beyond


def relu(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Sum and bias, not below 0."""
    return linear(setting, parameters, state, [max(charge[0] + parameters[0], 0) - parameters[0]], place)


def gelu(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Value times the normal distribution."""
    bias, mantissa, shift, x_mantissa, x_shift = parameters
    x, entry = charge[0] + bias, place.own(0)
    normal = looked_up(setting.table, converted(setting, "output", x, x_mantissa, x_shift, entry))
    y, beyond = held(setting, "output", converted(setting, "output", x * normal, mantissa, shift, entry + 1))
    return [y], state, beyond


def reduction(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Sum, maximum, largest magnitude and bias."""
    return linear(setting, parameters, state, [sum(charge)], place)


def center(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Value less mean, and its square."""
    mantissa, shift, square_mantissa, square_shift = parameters
    centred, entry = charge[0] - charge[1], place.own(0)
    y, beyond = held(setting, "output", converted(setting, "output", centred, mantissa, shift, entry))
    square = converted(setting, "second_output", centred**2, square_mantissa, square_shift, entry + 1)
    square, square_beyond = held(setting, "second_output", square)
    return [y, square], state, beyond + square_beyond


def layer_norm(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Value over the root of the variance, scaled, plus bias; 20 of the 27 bits of the root's inverse are dropped."""
    epsilon, mantissa, shift, bias = parameters
    spread, entry, total = charge[1] + epsilon, place.own(0), bias
    if spread > 0:
        inverse = 2**46 // math.isqrt(spread * 2**38)
        normal = converted(setting, "output", charge[0], inverse, 20, entry)
        total += converted(setting, "output", normal, mantissa, shift, entry + 1)
    y, beyond = held(setting, "output", total)
    return [y], state, beyond


def integrator(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Leaky integral."""
    bias, mantissa, shift, leak = parameters
    kept = converted(setting, "state", state[0], leak, setting.leak_shift, place.own(0))
    potential, beyond = held(setting, "state", kept + charge[0] + bias)
    y = converted(setting, "output", potential, mantissa, shift, place.own(0) + 1)
    y, payload_beyond = held(setting, "output", y)
    return [y], [potential], beyond + payload_beyond


def running_mean(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Sum over tokens, with eight bits more divided by their number."""
    bias, mantissa, shift = parameters
    total, beyond = held(setting, "state", state[0] + charge[0] + bias)
    summed = converted(setting, "output", total, mantissa, shift - 8, place.own(0))
    y, payload_beyond = held(setting, "output", summed // (256 * (state[1] + 1)))
    return [y], [total, state[1] + 1], beyond + payload_beyond


# --- gates -----------------------------------------------------------------------------------------------------------

def ternary(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Sign of a value at least as large as the threshold."""
    factor, threshold = parameters
    value, largest = charge
    if setting.options["delta_scope"] == "vector":
        threshold = converted(setting, "value", largest, factor, setting.leak_shift, place.own(0))
    if abs(value) < threshold or value == 0:
        return [0], state, 0
    return [1 if value > 0 else -1], state, 0


def glu(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Value times sigmoid of the gate, plus skip."""
    value_bias, gate_bias, x_mantissa, x_shift, mantissa, shift, skip_mantissa, skip_shift = parameters
    value, gate, skip = charge
    entry = place.own(0)
    opening = looked_up(setting.table, converted(setting, "output", gate + gate_bias, x_mantissa, x_shift, entry))
    y = (converted(setting, "output", (value + value_bias) * opening, mantissa, shift, entry + 1)
         + converted(setting, "output", skip, skip_mantissa, skip_shift, entry + 2))
    y, beyond = held(setting, "output", y)
    return [y], state, beyond


def gsu(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Product of two branches, perhaps through a GELU, plus skip."""
    (ternary_bias, graded_bias, x_mantissa, x_shift, mantissa, shift, skip_mantissa, skip_shift, product_mantissa,
     product_shift) = parameters
    entry = place.own(0)
    product = converted(setting, "internal", (charge[0] + ternary_bias) * (charge[1] + graded_bias), product_mantissa,
                        product_shift, entry)
    product, beyond = held(setting, "internal", product)
    if setting.options["activation"] == "gelu":
        point = converted(setting, "internal", product, x_mantissa, x_shift, entry + 1)
        product *= looked_up(setting.table, point)
    y = (converted(setting, "output", product, mantissa, shift, entry + 2)
         + converted(setting, "output", charge[2], skip_mantissa, skip_shift, entry + 3))
    y, payload_beyond = held(setting, "output", y)
    return [y], state, beyond + payload_beyond


# --- spikes ----------------------------------------------------------------------------------------------------------

def fires(setting: Setting, value: int, threshold: int) -> bool:
    """Whether `value` reaches the threshold, or exceeds it."""
    return value > threshold or (value == threshold and setting.options["comparator"] == ">=")


def lif(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Leaky integrate-and-fire."""
    leak, threshold, reset_value, bias, refractory_steps = parameters
    potential, refractory = state
    if refractory > 0:
        return [0], [reset_value, refractory - 1], 0
    kept = converted(setting, "state", potential, leak, setting.leak_shift, place.own(0))
    potential, beyond = held(setting, "state", kept + charge[0] + bias)
    if not fires(setting, potential, threshold):
        return [0], [potential, 0], beyond
    return [1], [left_by_spike(setting, potential, threshold, reset_value), refractory_steps], beyond


def scaled_lif(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Leaky potential, back to 0 on a spike; nothing is divided by the threshold."""
    threshold, leak = parameters
    kept = converted(setting, "state", state[0], leak, setting.leak_shift, place.own(0))
    potential, beyond = held(setting, "state", kept + charge[0])
    spike = fires(setting, potential, threshold)
    return [int(spike)], [0 if spike else potential], beyond


def shifted_decay(value: int, shift: int) -> int:
    """Return value - (value >> shift), or one less where that would leave a positive value as it was."""
    left = value - (value >> shift)
    return left - 1 if left == value and value > 0 else left


def bit_shift_lif(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Xylo's neuron: currents, potential, as many spikes as thresholds are reached, one by one."""
    first_shift, second_shift, membrane_shift, threshold, bias, most = parameters
    first, beyond_1 = held(setting, "state", shifted_decay(state[0], first_shift) + charge[0])
    second, beyond_2 = held(setting, "state", shifted_decay(state[1], second_shift) + charge[1])
    potential, beyond_3 = held(setting, "second_state",
                               shifted_decay(state[2], membrane_shift) + first + second + bias)
    threshold, count = max(threshold, 1), 0
    while potential >= threshold and count < most:
        potential, count = potential - threshold, count + 1
    sent, beyond_4 = held(setting, "output", count)
    return [sent], [first, second, potential], beyond_1 + beyond_2 + beyond_3 + beyond_4


def left_by_spike(setting: Setting, potential: int, threshold: int, reset_value: int) -> int:
    """Return the potential after a spike."""
    left = {"hard": reset_value, "soft": potential - threshold + reset_value, "none": potential}
    return left[setting.options["reset"]]


def cuba(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Leaky integrate-and-fire with a current, which goes on while the potential rests; decays round toward zero."""
    current_decay, decay, threshold, bias, _, refractory_steps, reset_value = parameters
    current, potential, refractory = state
    fraction, limit = setting.decay_shift, 2 ** (setting.slots["second_state"].bits - 1) - 1
    current, beyond = held(setting, "state", trz(current * (2**fraction - current_decay), fraction) + charge[0])
    moved = trz(potential * (2**fraction - decay), fraction) + current + bias
    potential = clip(moved, -limit, limit)
    n_beyond = beyond + (potential != moved)
    if refractory > 0:
        return [0], [current, reset_value, refractory - 1], n_beyond
    if not fires(setting, potential, threshold):
        return [0], [current, potential, 0], n_beyond
    return [1], [current, left_by_spike(setting, potential, threshold, reset_value), refractory_steps], n_beyond


def resonator(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Resonate-and-fire; charges have the state's scale."""
    sin, cos, threshold = parameters
    re, im = state
    bits, limit = setting.decay_shift, 2 ** (setting.slots["state"].bits - 1) - 1
    new = (trz(cos * re, bits) - trz(sin * im, bits) + charge[0], trz(sin * re, bits) + trz(cos * im, bits) + charge[1])
    n_beyond = sum(abs(value) > limit for value in new)
    new_re, new_im = (clip(value, -limit, limit) for value in new)
    if setting.options["firing"] == "phase":
        return [int(new_re >= threshold and new_im >= 0 > im)], [new_re, new_im], n_beyond
    return ([1], [0, threshold - 1], n_beyond) if new_im >= threshold else ([0], [new_re, new_im], n_beyond)


def brf(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Balanced resonate-and-fire: increments of u and v are rounded one by one."""
    omega, damping, threshold, decay, decay_shift, mantissa, shift, one = parameters
    u, v, q = state
    entry, omega_shift, damping_shift = place.own(0), setting.decay_shift, setting.leak_shift
    refractory = setting.options["refractory"] == "on"
    if refractory:
        damping += converted(setting, "state", q, mantissa, shift, entry)
        threshold += q
    new_u, u_beyond = held(setting, "state", u - converted(setting, "state", u, damping, damping_shift, entry + 1)
                           - converted(setting, "state", v, omega, omega_shift, entry + 2) + charge[0])
    new_v, v_beyond = held(setting, "state", v + converted(setting, "state", u, omega, omega_shift, entry + 3)
                           - converted(setting, "state", v, damping, damping_shift, entry + 4))
    spike = int(fires(setting, new_u, threshold))
    if not refractory:
        return [spike], [new_u, new_v, q], u_beyond + v_beyond
    kept = converted(setting, "second_state", q, decay, decay_shift, entry + 5)
    new_q, q_beyond = held(setting, "second_state", kept + one * spike)
    return [spike], [new_u, new_v, new_q], u_beyond + v_beyond + q_beyond


def alif(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Adaptive integrate-and-fire; the level is taken off by a spike."""
    leak, adaptation_leak, threshold, beta, beta_shift, gain, gain_shift, rise = parameters
    u, q = state
    entry = place.own(0)
    level = threshold + converted(setting, "state", q, beta, beta_shift, entry)
    u, n_beyond = held(setting, "state", converted(setting, "state", u, leak, setting.leak_shift, entry + 1)
                       + converted(setting, "state", charge[0], gain, gain_shift, entry + 2))
    spike = int(fires(setting, u, level))
    if spike:
        u, beyond = held(setting, "state", u - level)
        n_beyond += beyond
    kept = converted(setting, "second_state", q, adaptation_leak, setting.decay_shift, entry + 3)
    q, beyond = held(setting, "second_state", kept + spike * rise)
    return [spike], [u, q], n_beyond + beyond


# --- sigma-delta -----------------------------------------------------------------------------------------------------

def encoded(setting: Setting, threshold: int, encoder: Ints, x: int, n_beyond: int) -> tuple[int, Ints, int]:
    """Return (message made to fit, encoder's new state, n_beyond and the message that did not fit)."""
    coding = setting.options["coding"]
    options = {"state_exponent": setting.payload_shift, "corrected": coding == "corrected",
               "cumulative": coding == "cumulative"}
    message, *after = delta(options, threshold, encoder, x)
    message, beyond = held(setting, "output", message)
    return message, after, n_beyond + beyond


def beyond_state(setting: Setting, value: int) -> bool:
    """Whether a value lies outside the state's bits."""
    end = 2 ** (setting.slots["state"].bits - 1)
    return not -end <= value < end


def sigma_delta(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Sum of received changes; sends the change of its activation."""
    threshold, bias = parameters
    sigma = state[0] + charge[0]
    x = sigma + bias
    if setting.options["activation"] == "relu":
        x = max(x, 0)
    n_beyond = beyond_state(setting, sigma) + beyond_state(setting, x)
    message, after, n_beyond = encoded(setting, threshold, state[1:], x, n_beyond)
    return [message], [sigma, *after], n_beyond


def delta_neuron(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """Sends the change of its input."""
    x = charge[0]
    message, after, n_beyond = encoded(setting, parameters[0], state, x, beyond_state(setting, x))
    return [message], after, n_beyond


# --- state spaces ----------------------------------------------------------------------------------------------------

def state_space(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> tuple[int, Ints, int]:
    """Return (y, new h_re then h_im of all modes, how many of these did not fit)."""
    n, rounding, key, decay_shift = setting.n_modes, setting.slots["state"].rounding, setting.key, setting.decay_shift
    bits, _, overflow, _ = setting.slots["state"]
    d, d_shift, b_shift, mantissa, shift, bias = parameters[6 * n:6 * n + 6]
    x, total, n_beyond = charge[0] + bias, 0, 0
    new_re, new_im = [], []
    for mode in range(n):
        a_re, a_im, b_re, b_im, c_re, c_im = parameters[mode:6 * n:n]
        re, im, entry = state[mode], state[n + mode], place.mode(mode)
        word_re, re_beyond = fitted(rounded(a_re * re, decay_shift, rounding, key, entry)
                                    - rounded(a_im * im, decay_shift, rounding, key, entry + 1)
                                    + rounded(b_re * x, b_shift, rounding, key, entry + 2), bits, True, overflow)
        word_im, im_beyond = fitted(rounded(a_re * im, decay_shift, rounding, key, entry + 3)
                                    + rounded(a_im * re, decay_shift, rounding, key, entry + 4)
                                    + rounded(b_im * x, b_shift, rounding, key, entry + 5), bits, True, overflow)
        new_re.append(word_re)
        new_im.append(word_im)
        n_beyond += re_beyond + im_beyond
        total += c_re * word_re - c_im * word_im
    total = 2 * total + converted(setting, "internal", d, x, d_shift, place.own(n))
    y = converted(setting, "internal", total, mantissa, shift, place.own(n) + 1)
    y, beyond = held(setting, "internal", y)
    return y, new_re + new_im, n_beyond + beyond


def ssm(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """S4D channel with a graded output."""
    y, words, n_beyond = state_space(setting, parameters, state, charge, place)
    mantissa, shift, x_mantissa, x_shift = parameters[-4:]
    entry, activation = place.own(setting.n_modes) + 2, setting.options["activation"]
    if activation == "relu":
        y = max(y, 0)
    if activation == "gelu":
        y *= looked_up(setting.table, converted(setting, "internal", y, x_mantissa, x_shift, entry))
    y, beyond = held(setting, "output", converted(setting, "output", y, mantissa, shift, entry + 1))
    return [y], words, n_beyond + beyond


def ssm_heaviside(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """S4D channel and a step."""
    y, words, n_beyond = state_space(setting, parameters, state, charge, place)
    return [int(fires(setting, y, parameters[-1]))], words, n_beyond


def ssm_lif(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """S4D channel into a leaky membrane, back to 0 on a spike."""
    one, leak = parameters[-2:]
    y, words, n_beyond = state_space(setting, parameters, state, charge, place)
    kept = converted(setting, "second_state", state[-1], leak, setting.leak_shift, place.own(setting.n_modes) + 2)
    membrane, beyond = held(setting, "second_state", kept + y)
    spike = fires(setting, membrane, one)
    return [int(spike)], [*words, 0 if spike else membrane], n_beyond + beyond


# --- modes -----------------------------------------------------------------------------------------------------------

def sent_parts(setting: Setting, tail: Ints, h: Ints, entry: int, n_beyond: int) -> Result:
    """Both parts of the state as payloads."""
    real, real_beyond = held(setting, "output", converted(setting, "output", h[0], tail[0], tail[1], entry))
    imag, imag_beyond = held(setting, "second_output", converted(setting, "second_output", h[1], tail[2], tail[3],
                                                                 entry + 1))
    return [real, imag], h, n_beyond + real_beyond + imag_beyond


def fit_both(setting: Setting, real: int, imag: int) -> tuple[Ints, int]:
    """Both parts made to fit the state."""
    fits = [held(setting, "state", part) for part in (real, imag)]
    return [part for part, _ in fits], sum(beyond for _, beyond in fits)


def mode(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """One complex mode."""
    a_re, a_im, *tail = parameters
    entry = place.own(0)
    products = [converted(setting, "state", part, factor, setting.decay_shift, entry + number)
                for number, (factor, part) in enumerate([(a_re, state[0]), (a_im, state[1]), (a_re, state[1]),
                                                         (a_im, state[0])])]
    h, n_beyond = fit_both(setting, products[0] - products[1] + charge[0], products[2] + products[3] + charge[1])
    return sent_parts(setting, tail, h, entry + 4, n_beyond)


def event_mode(setting: Setting, parameters: Ints, state: Ints, charge: Ints, place: Place) -> Result:
    """One complex mode whose decay is a product of powers, one for each 1 of the interval in binary."""
    n = (len(parameters) - 4) // 2
    x, given = charge[:2], charge[2]
    interval = min(max(given, 0), 2**n - 1)
    n_beyond, h, lasts = int(interval != given), list(state), setting.options["hold"] == "zero"
    if lasts:
        h, beyond = fit_both(setting, h[0] + x[0], h[1] + x[1])
        n_beyond += beyond
    for place_of_one in [j for j in range(n) if format(interval, "b")[::-1][j:j + 1] == "1"]:
        p_re, p_im, s = parameters[place_of_one], parameters[n + place_of_one], setting.decay_shift
        h, beyond = fit_both(setting, trz(p_re * h[0], s) - trz(p_im * h[1], s),
                             trz(p_re * h[1], s) + trz(p_im * h[0], s))
        n_beyond += beyond
    sign = -1 if lasts else 1
    h, beyond = fit_both(setting, h[0] + sign * x[0], h[1] + sign * x[1])
    return sent_parts(setting, parameters[-4:], h, place.own(0), n_beyond + beyond)


# --- all of them -----------------------------------------------------------------------------------------------------

MODELS: dict[str, Callable[[Setting, Ints, Ints, Ints, Place], Result]] = {
    "linear": linear, "relu": relu, "gelu": gelu, "reduce": reduction, "center": center, "layer_norm": layer_norm,
    "integrator": integrator, "running_mean": running_mean, "lif": lif, "cuba": cuba, "ternary": ternary, "glu": glu,
    "gsu": gsu, "ssm": ssm, "ssm_heaviside": ssm_heaviside, "ssm_lif": ssm_lif, "resonator": resonator,
    "sigma_delta": sigma_delta, "delta": delta_neuron, "brf": brf, "alif": alif, "mode": mode,
    "event_mode": event_mode, "scaled_lif": scaled_lif, "bit_shift_lif": bit_shift_lif,
}

# Rows of the biases, whose presence makes a neuron active; of state spaces, behind the tables of modes.
BIASES: dict[str, Ints] = {
    "linear": [0], "relu": [0], "gelu": [0], "reduce": [0], "layer_norm": [3], "integrator": [0], "running_mean": [0],
    "lif": [3], "cuba": [3], "glu": [0, 1], "gsu": [0, 1], "ssm": [5], "ssm_heaviside": [5], "ssm_lif": [5],
    "sigma_delta": [1], "bit_shift_lif": [4],
}


def is_active(model: str, setting: Setting, parameters: Ints, state: Ints, charge: Ints) -> bool:
    """Whether a charge, a word of state or a bias is not 0."""
    biases = [parameters[6 * setting.n_modes + row] for row in BIASES.get(model, [])]
    return any(charge) or any(state) or any(biases)
