"""S5 and Event-SSM: the imported graph against the equations, from every kind of file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from importers.files.tensors import TensorFile, load_tensors
from importers.mimo.event_ssm import import_event_ssm
from importers.mimo.event_ssm import recognises as recognises_events
from importers.mimo.s5 import import_s5
from importers.mimo.s5 import recognises as recognises_s5
from importers.result import ImportResult
from neurosim.api import load_chip, map_network
from neurosim.errors import DataError, OptionError
from neurosim.events import CORE_EVENT_INDEX
from tests.engine.results import differences, results
from tests.importers.msgpack_writer import packed
from tests.importers.passes import Array, values_of
from tests.importers.trees import Tensors, event_ssm, nested, s5, slashed
from tests.oracle.mimo_networks import Form, Outcome, run_events, run_s5

N_TOKENS = 25


def s5_inputs(width: int = 3) -> Array:
    return np.random.default_rng(2).normal(size=(N_TOKENS, width))


def events(n_symbols: int = 20) -> tuple[Array, Array, Array]:
    """Return tokens, the intervals after them, and both as inputs of a network."""
    random = np.random.default_rng(4)
    tokens = random.integers(0, n_symbols, N_TOKENS)
    intervals = random.exponential(1.5, N_TOKENS)
    return tokens, intervals, np.column_stack([np.eye(n_symbols)[tokens], intervals])


def from_s5(tensors: Tensors, **options: Any) -> ImportResult:
    return import_s5(TensorFile("net.npz", tensors), **options)


def from_events(tensors: Tensors, **options: Any) -> ImportResult:
    return import_event_ssm(TensorFile("net.npz", tensors), **options)


def assert_equal(result: ImportResult, x: Array, expected: Outcome, suffix: str = "glu") -> None:
    values = values_of(result.network, x)
    for layer, stream in enumerate(expected.stream):
        np.testing.assert_allclose(values[f"layer{layer}.{suffix}", "graded"], stream, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(values["readout", "graded"], expected.output, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("gate", ["half_glu1", "half_glu2", "full_glu", "gelu"])
@pytest.mark.parametrize(("place", "family"), [("pre", "layer"), ("pre", "batch"), ("post", "layer"),
                                               ("post", "batch"), ("pre", "none")])
def test_s5(gate: str, place: str, family: str) -> None:
    tensors = s5(gate=gate, family=family)
    given = {"activation": gate} if gate.startswith("half") else {}
    epsilon = 1e-5 if family == "batch" else 1e-6
    expected = run_s5(tensors, Form(gate=gate, place=place, epsilon=epsilon), s5_inputs())
    suffix = "norm" if place == "post" else "sum" if gate == "gelu" else "glu"
    assert_equal(from_s5(tensors, norm_place=place, **given), s5_inputs(), expected, suffix)


@pytest.mark.parametrize("readers", [("C1", "C2"), ("C",)], ids=["C1 and C2", "C of both"])
def test_s5_in_both_directions(readers: tuple[str, ...]) -> None:
    """The second set of modes sees the token itself too."""
    tensors = s5(gate="full_glu", readers=readers, columns=3 - len(readers))
    result = from_s5(tensors)
    assert result.network.needs_whole_sequence
    assert_equal(result, s5_inputs(), run_s5(tensors, Form(gate="full_glu"), s5_inputs()))


@pytest.mark.parametrize("changed", [
    {"method": "bilinear"}, {"method": "dirac"}, {"conj_sym": False}, {"step_rescale": 2.0}, {"pooling": "last"},
    {"epsilon": 1e-2}, {"clip_eigs": True}, {"gelu": "exact"}])
def test_s5_options(changed: dict[str, Any]) -> None:
    tensors = s5()
    tensors["encoder.layers_0.seq.Lambda_re"][:2] = [0.05, -1e-5]
    names = {"method": "discretization", "epsilon": "norm_epsilon"}
    options = {names.get(name, name): value for name, value in changed.items()}
    expected = run_s5(tensors, Form(**changed), s5_inputs())
    assert_equal(from_s5(tensors, activation="half_glu2", **options), s5_inputs(), expected)
    stored = {name: str(value) for name, value in {**options, "activation": "half_glu2"}.items()}
    assert_equal(import_s5(TensorFile("net", tensors, stored)), s5_inputs(), expected)


@pytest.mark.parametrize("prefix", ["", "seq."])
def test_an_s5_layer_alone(prefix: str) -> None:
    tensors = {key.removeprefix("encoder.layers_0.seq."): values for key, values in s5().items()
               if key.startswith("encoder.layers_0.seq.")}
    tensors = {prefix + key: values for key, values in tensors.items()}
    x = s5_inputs(10)
    assert_equal(from_s5(tensors), x, run_s5(tensors, Form(gate="none"), x), "y")


def test_an_s5_stack_alone() -> None:
    tensors = {key.replace("encoder.layers", "layers"): values for key, values in s5(gate="full_glu").items()
               if "layers" in key}
    x = s5_inputs(10)
    assert_equal(from_s5(tensors), x, run_s5(tensors, Form(gate="full_glu", pooling="last"), x))


@pytest.mark.parametrize("method", ["async", "dirac", "zoh"])
@pytest.mark.parametrize("pooling", ["mean", "last", "timepool"])
@pytest.mark.parametrize(("place", "family"), [("pre", "layer"), ("post", "batch"), ("pre", "none")])
def test_event_ssm(method: str, pooling: str, place: str, family: str) -> None:
    """The stream widens behind the second layer, where a Dense stands on it."""
    tensors = event_ssm(family=family, place=place)
    tokens, intervals, x = events()
    form = Form(method, place=place, pooling=pooling, epsilon=1e-5 if family == "batch" else 1e-6)
    expected = run_events(tensors, form, tokens, intervals)
    result = from_events(tensors, discretization=method, pooling=pooling, norm_place=place)
    assert_equal(result, x, expected, "norm" if place == "post" else "glu")


@pytest.mark.parametrize("mode", ["last", "avgpool", "timepool"])
@pytest.mark.parametrize(("stride", "n_tokens"), [(2, 12), (2, 23), (3, 25), (4, 24)])
@pytest.mark.parametrize(("place", "family", "pooling", "method"), [
    ("pre", "layer", "mean", "async"), ("post", "batch", "timepool", "zoh"), ("pre", "none", "last", "dirac")])
def test_event_ssm_with_a_stride(mode: str, stride: int, n_tokens: int, place: str, family: str, pooling: str,
                                 method: str) -> None:
    """Two stages, so that strides multiply; at tokens at which a population rests it sends nothing."""
    tensors = event_ssm(family=family, place=place)
    tokens, intervals, x = (item[:n_tokens] for item in events())
    form = Form(method, place=place, pooling=pooling, epsilon=1e-5 if family == "batch" else 1e-6, stride=stride,
                mode=mode)
    expected = run_events(tensors, form, tokens, intervals)
    network = from_events(tensors, discretization=method, pooling=pooling, norm_place=place, pooling_stride=stride,
                          pooling_mode=mode).network
    values, names = values_of(network, x), [f"layer{n}.{'norm' if place == 'post' else 'glu'}" for n in range(3)]
    for name, stream in zip((*names, "readout"), (*expected.stream, expected.output), strict=True):
        period, found = network.population(name).period, values[name, "graded"]
        assert period == (stride if name.startswith(("layer0", "layer1")) else stride**2)
        assert len(stream) == n_tokens // period
        np.testing.assert_allclose(found[period - 1::period], stream, rtol=1e-9, atol=1e-9)
        assert not np.delete(found, np.s_[period - 1::period], axis=0).any()


@pytest.mark.parametrize("mode", ["last", "timepool"])
def test_strides_on_a_chip(mode: str) -> None:
    """The engines compute what the batch pass computes, and book no update at tokens at which a population rests."""
    network = from_events(event_ssm(n_symbols=6, widths=(4, 4, 6), n_modes=3), pooling_stride=2, pooling_mode=mode,
                          pooling="timepool").network
    x = events(6)[2][None, :11]
    machine = map_network(network, load_chip("generic-mesh"))
    found = [results(machine, x, engine=engine, detail="functional", readout_tokens=True)[0]
             for engine in ("compiled", "reference")]
    assert differences(*found) == []
    expected = values_of(network, x[0], "readout")["readout", "graded"]
    assert found[0].readout_tokens is not None
    for token, values in enumerate(found[0].readout_tokens):
        last = (token + 1) // 4 * 4 - 1
        np.testing.assert_allclose(values, expected[last] if last >= 0 else 0, rtol=1e-9, atol=1e-9)
    booked = sum(int(found[0].core_counts[:, :, CORE_EVENT_INDEX[name]].sum())
                 for name in ("program_active", "program_inactive", "soma_active", "soma_inactive"))
    assert booked == sum(item.size * (11 // item.period) for item in network.populations if item.model != "input")


def test_stride_from_metadata() -> None:
    tensors, (tokens, intervals, x) = event_ssm(), events()
    result = import_event_ssm(TensorFile("net", tensors, {"pooling_stride": "2", "pooling_mode": "avgpool"}))
    expected = run_events(tensors, Form("async", stride=2, mode="avgpool"), tokens, intervals)
    found = values_of(result.network, x, "readout")["readout", "graded"]
    np.testing.assert_allclose(found[3::4], expected.output, rtol=1e-9, atol=1e-9)
    with pytest.raises(DataError, match="metadata pooling_stride = '2.5'\n  allowed: integer from 1 to 1024"):
        import_event_ssm(TensorFile("net", tensors, {"pooling_stride": "2.5"}))


def test_event_ssm_options() -> None:
    tensors = event_ssm()
    tensors["encoder.stages_0.SequenceLayer_0.S5SSM_0.Lambda_re"][0] = 0.02
    tokens, intervals, x = events()
    expected = run_events(tensors, Form("async", clip_eigs=True, step_rescale=0.5, conj_sym=False), tokens, intervals)
    assert_equal(from_events(tensors, clip_eigs=True, step_rescale=0.5, conj_sym=False), x, expected)
    with pytest.raises(DataError, match=r"Lambda_re\[0\] = 0.02: its mode grows without end"):
        from_events(tensors)


@pytest.mark.parametrize("make", [s5, event_ssm])
@pytest.mark.parametrize("kind", ["npz", "dots", "msgpack"])
def test_every_kind_of_file(tmp_path: Path, make: Any, kind: str) -> None:
    """Names joined with slashes or dots, or nested; every one of them is accounted for."""
    tensors, path = make(family="batch"), tmp_path / "net"
    if kind == "msgpack":
        state = {**nested(tensors), "step": 500, "opt_state": {"0": {"mu": {"params": {"x": np.ones(2)}}}}}
        path.write_bytes(packed(state))
    else:
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **(slashed(tensors) if kind == "npz" else tensors))
    source = load_tensors(path)
    assert (recognises_s5(source), recognises_events(source)) == ((True, False) if make is s5 else (False, True))
    options = {"activation": "half_glu2"} if make is s5 else {}
    result = (import_s5 if make is s5 else import_event_ssm)(path, **options)
    assert [line.key for line in result.report.lines] == list(source.tensors)
    dropped = [line.key for line in result.report.lines if line.action == "dropped"]
    assert dropped == (["opt_state/0/mu/params/x"] if kind == "msgpack" else [])
    assert kind != "msgpack" or "not arrays, dropped: step" in result.report.notes
    if make is s5:
        assert_equal(result, s5_inputs(), run_s5(tensors, Form(epsilon=1e-5), s5_inputs()))
    else:
        tokens, intervals, x = events()
        assert_equal(result, x, run_events(tensors, Form("async", epsilon=1e-5), tokens, intervals))


def without(tensors: Tensors, *ends: str) -> Tensors:
    return {key: values for key, values in tensors.items() if not key.endswith(ends)}


def test_what_is_refused_of_s5() -> None:
    with pytest.raises(DataError, match="half_glu1 and half_glu2 have the same keys"):
        from_s5(s5())
    with pytest.raises(OptionError, match="activation = 'gelu'\n  allowed: full_glu, by the keys"):
        from_s5(s5(gate="full_glu"), activation="gelu")
    with pytest.raises(DataError, match="layers numbered 0, 2"):
        from_s5({key.replace("layers_1", "layers_2"): values for key, values in s5().items()}, activation="half_glu2")
    with pytest.raises(OptionError, match="discretization = 'async'\n  allowed: zoh, bilinear, dirac"):
        from_s5(s5(), discretization="async", activation="half_glu2")
    with pytest.raises(DataError, match="layers_1.seq.D' is missing"):
        from_s5(without(s5(), "layers_1.seq.D"), activation="half_glu2")
    with pytest.raises(DataError, match="1 keys that an S5 network does not have: encoder.gain"):
        from_s5(s5() | {"encoder.gain": np.ones(2)}, activation="half_glu2")
    with pytest.raises(DataError, match=r"seq.C has shape \(10, 7, 2\)\n  allowed: \(10, 6, 2\)"):
        from_s5(s5() | {"encoder.layers_0.seq.C": np.ones((10, 7, 2))}, activation="half_glu2")
    flat = s5() | {"encoder.layers_0.seq.Lambda_re": np.zeros(6), "encoder.layers_0.seq.Lambda_im": np.zeros(6)}
    with pytest.raises(DataError, match=r"Lambda_re makes 1 / pole\[0\]"):
        from_s5(flat, activation="half_glu2")


def test_what_is_refused_of_event_ssm() -> None:
    with pytest.raises(OptionError, match="pooling_stride = 0\n  allowed: integer from 1 to 1024"):
        from_events(event_ssm(), pooling_stride=0)
    with pytest.raises(OptionError, match="pooling_stride = 257 in each of 2 stages.*\n.*up to 65536"):
        from_events(event_ssm(), pooling_stride=257)
    with pytest.raises(OptionError, match="pooling_mode = 'median'\n  allowed: last, avgpool, timepool"):
        from_events(event_ssm(), pooling_stride=2, pooling_mode="median")
    with pytest.raises(OptionError, match="pooling_mode = 'last' with pooling_stride 1"):
        from_events(event_ssm(), pooling_mode="last")
    with pytest.raises(DataError, match="Dense_1.kernel is missing"):
        from_events(without(event_ssm(), "Dense_1.kernel", "Dense_1.bias"))
    with pytest.raises(DataError, match="batch_stats.*BatchNorm_0.mean is missing\n  mend: save the collection"):
        from_events(without(event_ssm(family="batch"), ".mean", ".var"))
    with pytest.raises(DataError, match=r"layers of stages numbered \(0, 0\), \(0, 1\), \(3, 0\)"):
        from_events({key.replace("stages_1", "stages_3"): values for key, values in event_ssm().items()})
    with pytest.raises(OptionError, match="pooling = 'max'\n  allowed: mean, last, timepool"):
        from_events(event_ssm(), pooling="max")


def test_notes_say_what_was_guessed() -> None:
    notes = from_s5(s5(), activation="half_glu2").report.notes
    assert any("norm_place = pre is a guess" in note for note in notes)
    assert any("taken for LayerNorms" in note for note in notes)
    assert any("pooling_stride = 1 is an assumption" in note for note in from_events(event_ssm()).report.notes)
    notes = from_events(event_ssm(), pooling_stride=2).report.notes
    assert any("pooling_mode = last is an assumption" in note for note in notes)
