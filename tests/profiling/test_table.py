"""The table of a profile, from plain data. No PyTorch is needed."""

from __future__ import annotations

import numpy as np

from neurosim.graph import DenseWeights, Network, Population, Projection
from neurosim.profiling.estimate import Estimate
from neurosim.profiling.result import ChipProfile, LayerProfile, ProfileResult

NETWORK = Network("net", (Population("input", "input", 2), Population("lif", "lif", 3, {"leak": 0.5})),
                  (Projection("input", "lif", DenseWeights(np.ones((2, 3)))),), ("lif",))
LAYERS = (LayerProfile("input", "input", "graded", 2, 4.5, 0.225, 0.0, "", None),
          LayerProfile("lif", "lif", "spike", 3, 3.0, 0.1, 1234.5, "MAC", 1))
CHIPS = (ChipProfile("tiny", "lif: core.max_neurons: need 3, have 2\n  mend: another chip"),
         ChipProfile("large", None, 2, 16, "max_neurons", 0.75, 2e-6, 1e-7, 3e-9, 2e-9, 5e-9,
                     {"static": 0.75, "soma": 0.125, "io": 0.0}))
EXPECTED = """\
net: 5 neurons, 6 synapses; 2 samples of 10 time steps in float32
1 spike of 6 differ from the module's own forward pass
a note

layer  model  neurons      spikes    rate  synaptic operations  as
input  input        2  4.50 values  22.5 %                    –
lif    lif          3           3  10.0 %                1 234  MAC

customary estimate: 10 AC x 0.9 pJ + 1 234 MAC x 4.6 pJ = 5.69 nJ per sample (45 nm, Horowitz 2014)

chip   fits    cores  fullest resource    latency   energy      low     high  unseen
tiny   no          –  –                         –        –        –        –       –
large  yes   2 of 16  max neurons 75.0 %  2.00 µs  3.00 nJ  2.00 nJ  5.00 nJ  87.5 %
tiny: lif: core.max_neurons: need 3, have 2
  mend: another chip

The estimate counts synaptic operations alone: no state updates, memory, routing or static power.
On large it would not see 87.5 % of the simulated energy: static power 75.0 %, state updates 12.5 %.
"""


def profile() -> ProfileResult:
    return ProfileResult(NETWORK, np.zeros((2, 10, 2)), "float32", 2, 10, LAYERS, CHIPS, Estimate(10.0, 1234.0), {},
                         ("a note",))


def test_table() -> None:
    assert [line.split() for line in str(profile()).splitlines()] == [line.split() for line in EXPECTED.splitlines()]


def test_columns_stand_under_each_other() -> None:
    lines = str(profile()).splitlines()
    head = next(line for line in lines if line.startswith("chip"))
    row = next(line for line in lines if line.startswith("large"))
    assert head.index("fullest resource") == row.index("max neurons")
    assert head.index("energy") + len("energy") == row.index("3.00 nJ") + len("3.00 nJ")
    assert head.index("unseen") + len("unseen") == row.index("87.5 %") + len("87.5 %")


def test_shares_add_up() -> None:
    assert CHIPS[1].unseen_share == 0.875 and CHIPS[0].unseen_share is None
    assert not CHIPS[0].fits and CHIPS[1].fits
