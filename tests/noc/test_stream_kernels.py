"""Packets of one length as words through finite FIFOs: the oracle of the network, however many share a tick."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numba import njit

from neurosim.noc import streams
from neurosim.noc.stream_kernels import run_streams
from tests.noc import traffic
from tests.noc.test_kernels import check_against_oracle, networks
from tests.oracle.network import Network, Packet


@pytest.fixture(autouse=True, scope="module")
def always_streams() -> object:
    """Have all packets of this file travel as words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traffic, "run_buffered", run_streams)
        yield


@njit
def sort(made, n_keys, lowest, longest):
    """Parts of kernels can be called from compiled code only."""
    return streams.sort_keys(made, n_keys, lowest, longest)


@settings(max_examples=300, deadline=None)
@given(networks(), st.integers(0, 2**32 - 1), st.integers(1, 80), st.sampled_from([1, 10, 200, 20_000]),
       st.sampled_from([0.0, 0.3, 1.0]), st.integers(1, 4))
def test_words_agree_with_the_oracle(network: Network, seed: int, n_packets: int, span: int, spread: float,
                                     flits: int) -> None:
    assume(network.buffer_packets is not None)
    random = np.random.default_rng(seed)
    n_cores = len(network.core_tile)
    packets = []
    for inject in np.sort(random.integers(0, span, n_packets)).tolist():
        n_targets = int(random.integers(1, n_cores + 1)) if random.random() < spread else 1
        targets = tuple(sorted(random.choice(n_cores, n_targets, replace=False).tolist()))
        packets.append(Packet(inject, int(random.integers(n_cores)), targets, flits, int(random.choice([0, 1, 30]))))
    check_against_oracle(network, packets, 64)


@pytest.mark.parametrize("flits", [1, 3])
@pytest.mark.parametrize("buffers", [1, 4])
def test_words_agree_with_the_oracle_at_saturation(buffers: int, flits: int) -> None:
    """Thousands of packets, so that FIFOs and queues of events wrap around."""
    random = np.random.default_rng(2)
    network = Network(4, 4, tuple(range(16)), hop_ew=2, hop_ns=3, credit=2, buffer_packets=buffers)
    packets = []
    for inject in np.sort(random.integers(0, 400, 2000)).tolist():
        targets = tuple(sorted(random.choice(16, random.choice([1, 1, 1, 3]), replace=False).tolist()))
        packets.append(Packet(inject, int(random.integers(16)), targets, flits))
    check_against_oracle(network, packets, 128)


@pytest.mark.parametrize("longest", [0, 1, 5, 30])
def test_injections_are_sorted(longest: int) -> None:
    """By their times alone; those of one time in any order, so keys are compared without what is below."""
    n_keys, id_bits = 500, 9
    random = np.random.default_rng(longest)
    keys = (random.integers(0, 1 << longest, n_keys) << id_bits) | random.permutation(n_keys)
    made = traffic.new_state(4, 1, n_keys, 64, 2, -1).streams
    made.key[0, :n_keys] = keys
    row = sort(made, n_keys, id_bits, int(keys.max()).bit_length())
    found = made.key[row, :n_keys]
    assert (found >> id_bits).tolist() == sorted((keys >> id_bits).tolist())
    assert sorted(found.tolist()) == sorted(keys.tolist())
