"""A million random states per family, the ends of every range among them, against plain integers; and uncompiled."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurosim import numbers
from neurosim.formats import OVERFLOWS, ROUNDINGS
from neurosim.machine import DECAY_SHIFT, INTERNAL_SLOT, N_FIXED_CONSTANTS, STATE_SLOT
from neurosim.models import cuba, firing
from neurosim.models.fixed import integer_s5, loihi_dense, loihi_lif, resonator, sigma_delta, state_space
from tests.models.fixed.uncompiled import uncompiled
from tests.oracle import fixed as oracle

MILLION = 10**6
N_PYTHON = 400      # states that also run uncompiled
Ints = NDArray[np.int64]
OVERFLOW_NAMES = (*OVERFLOWS, "unlimited")


def between(random: np.random.Generator, low: int, high: int, shape: Any) -> Ints:
    """Integers of the whole range and of every length; an eighth of them are ends of the range, or next to them."""
    whole = random.integers(low, high, shape, endpoint=True)
    values = np.clip(whole >> random.integers(0, max(high - low, 2).bit_length(), shape), low, high)
    ends = np.clip(np.array([low, low + 1, high, high - 1, 0, 1, -1]), low, high)
    values = np.where(random.random(shape) < 0.125, random.choice(ends, shape), values)
    return np.where(random.random(shape) < 0.5, whole, values)


def columns(*tables: Ints) -> Any:
    """Yield the columns of tables as lists, neuron by neuron."""
    return zip(*(table.T.tolist() for table in tables), strict=True)


# --- Loihi -----------------------------------------------------------------------------------------------------------

PRESETS = {"lava": loihi_lif.LAVA, "nengo_loihi": loihi_lif.NENGO_LOIHI, "brian2_loihi": loihi_lif.BRIAN2_LOIHI}
NO_RESET = 2
PLAIN = loihi_lif.LoihiLifOptions(      # as runs use it for `cuba`: formats of its own, nothing shifted
    current_decay_offset=0, current_overflow=numbers.SATURATE, input_shift=0, potential_low=-(2**23), threshold_shift=0)
LIF_OPTIONS = {
    **PRESETS,
    "lava_refractory": loihi_lif.LAVA._replace(refractory=1),
    "saturate": loihi_lif.LAVA._replace(current_overflow=numbers.SATURATE, bias_overflow=numbers.SATURATE),
    "wrap": loihi_lif.LAVA._replace(current_overflow=numbers.TWOS_COMPLEMENT, potential_low=0, input_bits=22),
    "soft": loihi_lif.LoihiLifOptions(reset=firing.SOFT, bias_overflow=numbers.LAVA_WRAP),
    "no_reset": loihi_lif.LoihiLifOptions(reset=NO_RESET, reaches=1),
    "plain": PLAIN,
    "plain_soft": PLAIN._replace(reset=firing.SOFT, reaches=1, current_overflow=numbers.TWOS_COMPLEMENT),
    "narrow": PLAIN._replace(state_bits=8, decay_bits=0, potential_low=-128, potential_high=127, refractory=0,
                             bias_overflow=numbers.SATURATE),
    "wide": PLAIN._replace(state_bits=32, decay_bits=16, potential_low=-(2**31), potential_high=2**31 - 1,
                           reset=NO_RESET, bias_overflow=numbers.TWOS_COMPLEMENT),
}


@pytest.mark.parametrize("name", LIF_OPTIONS)
def test_loihi_lif(name: str) -> None:
    """A million states per preset."""
    options = LIF_OPTIONS[name]
    size, top, one = MILLION if name in PRESETS else MILLION // 5, 1 << options.state_bits - 1, 1 << options.decay_bits
    random = np.random.default_rng(1)
    limit = top >> options.threshold_shift
    parameters = np.stack([between(random, low, high, size) for low, high in (
        (0, one - options.current_decay_offset), (0, one), (-limit, limit - 1), (-4096, 4095), (-20, 20), (0, 63),
        (-top, top - 1))])
    state = np.stack([between(random, 1 - top, top, size), between(random, 1 - top, top - 1, size),
                      between(random, 0, 3, size)])
    charge = between(random, -(2**17), 2**17, size) << (6 - options.input_shift)
    # Sums that meet the ends of the current exactly.
    charge[:1000] = np.repeat([top >> options.input_shift, -(top >> options.input_shift)], 500)
    state[0, :1000] = between(random, -2, 2, 1000)
    # As far as 64 bits allow.
    charge[1000:2000] = between(random, 1 - 2**40, 2**40 - 1, 1000)
    state[0, 1500:2500] = between(random, -(2**46), 2**46, 1000)
    # Potentials at the threshold exactly.
    at = slice(2500, 3500)
    charge[at], state[0, at], parameters[1, at], parameters[3, at] = 0, 0, 0, 0
    state[1, at] = np.clip(parameters[2, at] << options.threshold_shift, options.potential_low, options.potential_high)
    before, spike = state.copy(), np.empty(size, np.int64)
    counts = loihi_lif.step_loihi_lif(options, parameters, state, charge, spike)

    named = {**options._asdict(), "current_overflow": OVERFLOW_NAMES[options.current_overflow],
             "bias_overflow": OVERFLOW_NAMES[options.bias_overflow], "reset": ("hard", "soft", "none")[options.reset]}
    expected = [oracle.loihi_lif(named, *rest) for rest in columns(parameters, before, charge)]
    assert np.vstack([state, spike]).T.tolist() == [list(each[:4]) for each in expected]
    assert list(counts) == np.array([each[4] for each in expected]).sum(0).tolist()

    few = slice(0, None, size // N_PYTHON)
    again, spiked = before[:, few].copy(), np.empty_like(spike[few])
    uncompiled(loihi_lif.step_loihi_lif)(options, parameters[:, few], again, charge[few], spiked)
    np.testing.assert_array_equal(np.vstack([again, spiked]), np.vstack([state, spike])[:, few])


@pytest.mark.parametrize("comparator", [0, 1])
@pytest.mark.parametrize("reset", [firing.HARD, firing.SOFT, NO_RESET])
def test_loihi_lif_does_as_cuba(reset: int, comparator: int) -> None:
    """Leaks of 0 or 1 round nothing: two hundred steps must agree with the floating-point model."""
    size, random = 500, np.random.default_rng(13)
    current_leak, leak = random.integers(0, 2, (2, size))
    threshold, reset_value, bias = (random.integers(low, high, size) for low, high in ((-5, 40), (-10, 10), (-3, 8)))
    steps, none = random.integers(0, 4, size), np.zeros(size, np.int64)
    options = PLAIN._replace(reset=reset, reaches=int(comparator == firing.REACHES))
    parameters = np.stack([4096 * (1 - current_leak), 4096 * (1 - leak), threshold, bias, none, steps, reset_value])
    floats = np.stack([current_leak, leak, threshold, reset_value, bias, steps]).astype(np.float64)
    state, float_state = np.zeros((3, size), np.int64), np.zeros((3, size))
    spike, output, active = np.empty(size, np.int64), np.empty((1, size)), np.empty(size, np.uint8)
    n_spikes = 0
    for charge in random.integers(-20, 21, (200, size)):
        loihi_lif.step_loihi_lif(options, parameters, state, charge, spike)
        uncompiled(cuba.step_cuba)((comparator, reset), 0, floats, float_state, charge[None].astype(np.float64), output,
                                   active)
        np.testing.assert_array_equal(state, float_state)
        np.testing.assert_array_equal(spike, output[0])
        n_spikes += int(spike.sum())
    assert 200 < n_spikes < 200 * size


def test_loihi_dense() -> None:
    """500 random layers of 2000 weights, every sign mode, bits and exponent; binary and graded messages."""
    modes = ("mixed", "excitatory", "inhibitory")
    for seed, sign_mode in zip(range(500), itertools.cycle(range(3)), strict=False):
        random = np.random.default_rng(seed)
        weights = between(random, -300, 300, (40, 50))
        message = between(random, 0, 1, 50) if seed % 2 else between(random, -(2**23), 2**23 - 1, 50)
        n_bits, exponent = int(random.integers(1, 9)), int(random.integers(-8, 8))
        removal = ("floor", "toward_zero")[seed // 3 % 2]
        options = loihi_dense.LoihiDenseOptions(ROUNDINGS.index(removal), bool(seed // 6 % 2))
        stored, charge = np.empty_like(weights), np.empty(40, np.int64)
        loihi_dense.store_weights(options, weights, sign_mode, n_bits, exponent, stored)
        loihi_dense.deliver_dense(options, stored, message, exponent, charge)
        kept = [[oracle.loihi_weight(weight, modes[sign_mode], n_bits, removal) for weight in row]
                for row in weights.tolist()]
        per_weight = options.exponent_per_weight
        assert charge.tolist() == [oracle.loihi_charge(row, message.tolist(), exponent, per_weight) for row in kept]
        if seed < 24:
            again_stored, again = np.empty_like(weights), np.empty(40, np.int64)
            uncompiled(loihi_dense.store_weights)(options, weights, sign_mode, n_bits, exponent, again_stored)
            uncompiled(loihi_dense.deliver_dense)(options, again_stored, message, exponent, again)
            np.testing.assert_array_equal(again_stored, stored)
            np.testing.assert_array_equal(again, charge)


# --- resonators and sigma-delta --------------------------------------------------------------------------------------

@pytest.mark.parametrize("clipped", [True, False])
@pytest.mark.parametrize("firing", [resonator.PHASE, resonator.IZHIKEVICH])
def test_resonator(firing: int, clipped: bool) -> None:
    size, limit = MILLION // 4, 2**23 - 1
    random = np.random.default_rng(2)
    parameters = np.stack([between(random, -4096, 4096, size), between(random, -4096, 4096, size),
                           between(random, -limit, limit, size)])
    state, charge = between(random, -limit, limit, (2, size)), between(random, -(2**23), 2**23, (2, size))
    before, spike = state.copy(), np.empty(size, np.int64)
    options = resonator.ResonatorOptions(state_exponent=3, firing=firing, clipped=clipped)
    n_overflows = resonator.step_resonator(options, parameters, state, charge, spike)
    named = {**options._asdict(), "firing": ("phase", "izhikevich")[firing]}
    expected = [oracle.resonator(named, *rest) for rest in columns(parameters, before, charge)]
    assert np.vstack([state, spike]).T.tolist() == [list(each[:3]) for each in expected]
    assert n_overflows == sum(each[3] for each in expected) > 0
    few, again = before[:, :N_PYTHON].copy(), np.empty(N_PYTHON, np.int64)
    uncompiled(resonator.step_resonator)(options, parameters[:, :N_PYTHON], few, charge[:, :N_PYTHON], again)
    np.testing.assert_array_equal(np.vstack([few, again]), np.vstack([state, spike])[:, :N_PYTHON])


SIGMA_DELTA_FORMS = [{"corrected": True}, {"corrected": False}, {"corrected": False, "cumulative": True},
                     {"corrected": True, "rectified": False}]


@pytest.mark.parametrize("form", SIGMA_DELTA_FORMS, ids=["corrected", "plain", "cumulative", "unit"])
def test_sigma_delta(form: dict[str, bool]) -> None:
    size, top = MILLION // len(SIGMA_DELTA_FORMS), 2**23
    random = np.random.default_rng(3)
    parameters = np.stack([between(random, 0, top - 1, size), between(random, -top, top - 1, size)])
    state, charge = between(random, -top, top - 1, (4, size)), between(random, -top, top - 1, size)
    state[2:, ::3], charge[::5] = 0, 0
    for exponent in (0, 6):
        options = sigma_delta.SigmaDeltaOptions(spike_exponent=1, state_exponent=exponent, **form)
        before, message = state.copy(), np.empty(size, np.int64)
        part = slice(exponent % 4 // 2, None, 2)
        tables = parameters[:, part], before[:, part].copy(), charge[part]
        sent = message[part].copy()
        n_overflows = sigma_delta.step_sigma_delta(options, *tables, sent)
        named = options._asdict()
        expected = [oracle.sigma_delta(named, *rest)
                    for rest in columns(parameters[:, part], state[:, part], charge[part])]
        assert np.vstack([sent, tables[1]]).T.tolist() == [list(each[:5]) for each in expected]
        assert n_overflows == sum(each[5] for each in expected) > 0

        few = state[:, :N_PYTHON].copy(), np.empty(N_PYTHON, np.int64)
        same = state[:, :N_PYTHON].copy(), np.empty(N_PYTHON, np.int64)
        for run, (words, out) in ((uncompiled(sigma_delta.step_sigma_delta), few),
                                  (sigma_delta.step_sigma_delta, same)):
            run(options, parameters[:, :N_PYTHON], words, charge[:N_PYTHON], out)
        np.testing.assert_array_equal(np.vstack(few), np.vstack(same))

        words, out = state[:, :2000].copy(), np.empty(2000, np.int64)
        sigma_delta.step_delta(options, parameters[:, :2000], words[1:], charge[:2000], out)
        scaled = (charge[:2000] * 2 ** (1 + exponent)).tolist()
        assert np.vstack([out, words[1:]]).T.tolist() == [
            list(oracle.delta(named, threshold, encoder, x)) for (threshold, _), (_, *encoder), x in zip(
                parameters[:, :2000].T.tolist(), state[:, :2000].T.tolist(), scaled, strict=True)]


# --- state spaces ----------------------------------------------------------------------------------------------------

S5_EXPONENTS = [((14, 14), (10, 10), (8, 8)), ((15, 13), (7, 12), (9, 9)), ((13, 14), (4, 4), (12, 7)),
                ((15, 15), (16, 16), (0, 3)), ((8, 9), (5, 6), (7, 6))]


@pytest.mark.parametrize("exponents", S5_EXPONENTS)
@pytest.mark.parametrize("path", ["scan", "loop"])
def test_integer_s5(path: str, exponents: tuple[tuple[int, int], ...]) -> None:
    """A million complex states of 16 bits in all."""
    shape, top = (8, MILLION // 2 // len(S5_EXPONENTS) // 8), 2**15
    random = np.random.default_rng(4)
    a = between(random, -top, top - 1, (2, *shape))
    bu = between(random, -top, top - 1, (2, *shape))
    x = between(random, -top, top - 1, (2, *shape))
    a_exp, bu_exp, x_exp = exponents
    flat = [list(zip(*(word.ravel().tolist() for word in words), strict=True)) for words in (a, bu, x)]
    if path == "scan":
        word: Any = np.int32
        expected = [oracle.s5_scan(*rest, *exponents) for rest in zip(*flat, strict=True)]
        n_expected = sum(not -top <= each < top for pair in expected for each in pair)
        shifts = integer_s5.scan_shifts(*a_exp, *bu_exp, *x_exp)
        kernel, bits = integer_s5.advance_scan, (16,)
    else:
        word = np.int64
        clipped = [oracle.s5_loop(*rest, *exponents, 16, 16) for rest in zip(*flat, strict=True)]
        expected, n_expected = [each[:2] for each in clipped], sum(each[2] for each in clipped)
        shifts = integer_s5.loop_shifts(*a_exp, *bu_exp, *x_exp)
        kernel, bits = integer_s5.advance_loop, (16, 16)
    few = slice(0, N_PYTHON // 8)
    given = [words.astype(word) for words in (*a, *bu)]
    state = x.astype(word)
    again = state[:, :, few].copy()
    assert kernel(shifts, *given, *bits, *state) == n_expected > 0
    assert list(zip(state[0].ravel().tolist(), state[1].ravel().tolist(), strict=True)) == expected
    uncompiled(kernel)(shifts, *(each[:, few] for each in given), *bits, *again)
    np.testing.assert_array_equal(again, state[:, :, few])


def test_scan_products_wrap_in_32_bits() -> None:
    """Beyond |x| < 2**16 the scan path computes as 32-bit words do, compiled or not."""
    random = np.random.default_rng(5)
    a, bu = (between(random, -(2**15), 2**15 - 1, (2, 4, 500)).astype(np.int32) for _ in "ab")
    x = between(random, -(2**31), 2**31 - 1, (2, 4, 500)).astype(np.int32)
    shifts = integer_s5.scan_shifts(14, 13, 6, 10, 8, 8)
    compiled, plain = x.copy(), x.copy()
    assert (integer_s5.advance_scan(shifts, *a, *bu, 16, *compiled)
            == uncompiled(integer_s5.advance_scan)(shifts, *a, *bu, 16, *plain))
    np.testing.assert_array_equal(compiled, plain)

    def product(p: Any, q: Any, n: int) -> Any:
        return (p * q) >> np.int32(n)

    expected = product(a[0], x[0], 14) - product(a[1], x[1], 14) + (bu[0] << np.int32(2))
    np.testing.assert_array_equal(compiled[0], expected)


def test_s5_rectify_and_read_out() -> None:
    random = np.random.default_rng(6)
    x = between(random, -(2**15), 2**15 - 1, (2, MILLION))
    x[:, :9] = [[0, 0, 0, 1, 1, 1, -1, -1, -1], [1, 0, -1, 1, 0, -1, 1, 0, -1]]
    kept = np.empty_like(x)
    integer_s5.rectify(*x, *kept)
    expected = [oracle.complex_relu(*each) for each in zip(*x.tolist(), strict=True)]
    assert list(zip(*kept.tolist(), strict=True)) == expected
    again = np.empty_like(x[:, :N_PYTHON])
    uncompiled(integer_s5.rectify)(*x[:, :N_PYTHON], *again)
    np.testing.assert_array_equal(again, kept[:, :N_PYTHON])

    options, n_clips = integer_s5.S5ReadOut(6, 7, 5), 0
    for seed in range(300):
        c = between(np.random.default_rng(seed), -128, 127, (2, 20, 32))
        d, u, y = between(random, -128, 127, 20), between(random, -(2**15), 2**15 - 1, 20), np.empty(20, np.int64)
        state = kept[:, 32 * seed:32 * seed + 32] >> random.integers(0, 12)
        n_clips += integer_s5.read_out(options, *c, d, *state, u, y)
        assert y.tolist() == [oracle.s5_output(c[0, i].tolist(), c[1, i].tolist(), int(d[i]), *state.tolist(),
                                               int(u[i]), options[:3], 16) for i in range(20)]
        bu = np.empty(20, np.int64)
        integer_s5.multiply_matrix(c[0], state[0], 9, 16, bu)
        assert bu.tolist() == [oracle.fitted(oracle.flr(sum(map(int.__mul__, row, state[0].tolist())), 9), 16, True,
                                             "saturate")[0] for row in c[0].tolist()]
        if seed < 20:
            plain_y, plain_bu = np.empty(20, np.int64), np.empty(20, np.int64)
            uncompiled(integer_s5.read_out)(options, *c, d, *state, u, plain_y)
            uncompiled(integer_s5.multiply_matrix)(c[0], state[0], 9, 16, plain_bu)
            np.testing.assert_array_equal([plain_y, plain_bu], [y, bu])
    assert n_clips > 0


def test_sigmoid_over_16_bits() -> None:
    x, output = np.arange(-(2**15), 2**15), np.empty(2**16, np.int64)
    integer_s5.sigmoid(*integer_s5.sigmoid_table(), x, output)
    assert output.tolist() == [oracle.sigmoid(value) for value in x.tolist()]


# --- what the numbers do ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("rounding", ["floor", "toward_zero", "nearest_even"])
def test_dead_band_on_a_long_silence(rounding: str) -> None:
    """Thirty thousand silent tokens, by when every true state is below 10**-20 steps.

    Floor holds -m for ever, the largest m with (1 - a) m < 1: -1 for a up to 1/2, -481 at a = 0.998. The nearest
    holds both signs, up to half as far. Toward zero, everything dies.
    """
    size, one = 64, 2**15
    random = np.random.default_rng(8)
    constants = np.zeros(N_FIXED_CONSTANTS, np.int64)
    constants[DECAY_SHIFT] = 15
    for slot in (STATE_SLOT, INTERNAL_SLOT):
        constants[slot:slot + 4] = 24, 1, numbers.SATURATE, ROUNDINGS.index(rounding)
    parameters = np.zeros((12, size), np.int64)
    parameters[0] = np.linspace(16000, 32700, size)     # a from 0.49 to 0.998, real
    parameters[4], parameters[6 + state_space.MANTISSA] = 100, 1
    state = np.stack([random.integers(2**20, 2**23, size), np.zeros(size, np.int64)])
    state[0, ::2] *= -1
    negative, output, active = state[0] < 0, np.empty((1, size), np.int64), np.empty(size, np.uint8)
    assert (np.abs(state[0]) * (parameters[0] / one) ** 30_000).max() < 1e-20
    for _ in range(30_000):
        state_space.advance_fixed_modes(constants, 1, parameters, state, np.zeros((1, size), np.int64), output, active,
                                        0)
    np.testing.assert_array_equal(output[0], 200 * state[0])       # what stays is heard
    np.testing.assert_array_equal(active, state[0] != 0)
    if rounding == "toward_zero":
        assert not state.any()
    elif rounding == "floor":
        band = (one - 1) // (one - parameters[0])
        assert (band[0], band[-1]) == (1, 481)
        np.testing.assert_array_equal(state[0], np.where(negative, -band, 0))
    else:
        band = one // 2 // (one - parameters[0])
        assert band[-1] == 240
        assert (np.abs(np.abs(state[0]) - band) <= 1).all()
        np.testing.assert_array_equal(state[0][band > 1] < 0, negative[band > 1])


@pytest.mark.parametrize(("corrected", "drifts"), [(True, False), (False, True)])
def test_corrected_sigma_delta_does_not_drift(corrected: bool, drifts: bool) -> None:
    """A receiver that sums messages follows the activation to within the threshold, or forgets dropped bits."""
    options = sigma_delta.SigmaDeltaOptions(state_exponent=6, corrected=corrected, rectified=False)
    random = np.random.default_rng(9)
    parameters, state = np.array([[64], [0]]), np.zeros((4, 1), np.int64)
    message, received, worst = np.zeros(1, np.int64), 0, 0
    for _ in range(1000):
        sigma_delta.step_sigma_delta(options, parameters, state, random.integers(-200, 201, 1), message)
        received += int(message[0])
        worst = max(worst, abs(64 * received - int(state[0, 0])))
    assert (worst > 1000) is drifts
    assert drifts or worst < 64


def test_presets_agree_where_nothing_is_lost() -> None:
    """Small numbers: Lava, nengo-loihi and Brian2Loihi give one result once their decays are set alike."""
    random = np.random.default_rng(11)
    size = 200
    du, dv = random.integers(1, 4095, size), random.integers(1, 4095, size)
    results = []
    presets = (loihi_lif.LAVA, 0, 0), (loihi_lif.NENGO_LOIHI, 6, 0), (loihi_lif.BRIAN2_LOIHI, 6, 1)
    for options, shift, offset in presets:
        parameters = np.stack([du + offset, dv, np.full(size, 50), *np.zeros((4, size), np.int64)])
        state, spike, seen = np.zeros((3, size), np.int64), np.zeros(size, np.int64), []
        charges = np.random.default_rng(12).integers(-100, 200, (100, size))
        for charge in charges:
            loihi_lif.step_loihi_lif(options, parameters, state, charge << shift, spike)
            seen.append(np.vstack([state, spike]))
        results.append(np.array(seen))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    assert results[0][:, 3].sum() > 100


@pytest.mark.parametrize("reset", [firing.HARD, firing.SOFT, NO_RESET])
def test_refractory_steps_hold_the_potential(reset: int) -> None:
    """At the reset value, whatever a spike itself left."""
    parameters = np.array([[0], [0], [1], [100], [0], [3], [7]])
    state, spike = np.zeros((3, 1), np.int64), np.zeros(1, np.int64)
    spikes, potentials = [], []
    for _ in range(10):
        loihi_lif.step_loihi_lif(loihi_lif.LoihiLifOptions(reset=reset), parameters, state, np.zeros(1, np.int64),
                                 spike)
        spikes.append(int(spike[0]))
        potentials.append(int(state[1, 0]))
    assert spikes == [1, 0, 0, 0, 1, 0, 0, 0, 1, 0]
    after = (7, 100 - 64 + 7, 100)[reset]
    assert potentials[:4] == [after, 7, 7, 7]
    assert potentials[4] - after == (0, 7, 7)[reset]        # 7 is where the next rise began


def test_sign_modes_are_found() -> None:
    assert loihi_dense.sign_mode_of(np.array([0, 1])) == loihi_dense.EXCITATORY
    assert loihi_dense.sign_mode_of(np.array([0, -1])) == loihi_dense.INHIBITORY
    assert loihi_dense.sign_mode_of(np.array([1, -1])) == loihi_dense.MIXED
