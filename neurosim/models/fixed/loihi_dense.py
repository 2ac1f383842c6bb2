"""Dense synapses with Loihi's weights: clipped by sign, cut to their bits, one exponent for the sum.

    w <- clip(w) by sign mode;   w <- cut(w, 8 - n_bits + mixed)
    charge = (sum_i w_i message_i) << exponent   (or arithmetic >> of the sum)

Source: lava-nc/lava b6822fbc, `src/lava/proc/dense/models.py`, `AbstractPyDenseModelBitAcc`, and
`src/lava/utils/weightutils.py`; sagacitysite/brian2_loihi 9ac5842e, `loihi_synapses.py`.
"""

from typing import NamedTuple

from neurosim.kernel import kernel
from neurosim.numbers import FLOOR, clip, shift_floor, shift_toward_zero

MIXED, EXCITATORY, INHIBITORY = range(3)
WEIGHT_BITS = 8


class LoihiDenseOptions(NamedTuple):
    """How emulators of Loihi differ."""

    removal: int = FLOOR            # of the weights' lowest bits; TOWARD_ZERO in Brian2Loihi
    exponent_per_weight: bool = False   # Brian2Loihi shifts each weight, with a floor; Lava the sum


def sign_mode_of(weights):
    """Return the sign mode that Lava finds for weights: mixed unless none is negative, or none positive."""
    return EXCITATORY if weights.min() >= 0 else INHIBITORY if weights.max() <= 0 else MIXED


@kernel
def store_weights(options, weights, sign_mode, n_bits, exponent, stored):
    """Set `stored` to what the synapse memory holds of int64 `weights` [post, pre]; return how many were clipped.

    n_bits from 1 to 8; the exponent counts here only with `exponent_per_weight`.
    """
    low = 0 if sign_mode == EXCITATORY else -255 if sign_mode == INHIBITORY else -256
    high = 0 if sign_mode == INHIBITORY else 255
    n_cut = WEIGHT_BITS - n_bits + int(sign_mode == MIXED)
    n_clipped = 0
    for post in range(weights.shape[0]):
        for pre in range(weights.shape[1]):
            weight, clipped = clip(weights[post, pre], low, high)
            cut = shift_floor(weight, n_cut) if options.removal == FLOOR else shift_toward_zero(weight, n_cut)
            weight = cut << n_cut
            stored[post, pre] = shift_floor(weight, -exponent) if options.exponent_per_weight else weight
            n_clipped += int(clipped)
    return n_clipped


@kernel
def deliver_dense(options, stored, message, exponent, charge):
    """Set `charge` [post] to the shifted sum of stored weights times int64 `message` [pre] (0, 1 or graded)."""
    shift = 0 if options.exponent_per_weight else -exponent
    for post in range(stored.shape[0]):
        total = 0
        for pre in range(stored.shape[1]):
            total += stored[post, pre] * message[pre]
        charge[post] = shift_floor(total, shift)
