from __future__ import annotations

import json

from neurosim.mapping import MappingOptions, describe, map_network, render
from tests.mapping.chips import make_chip
from tests.mapping.networks import lif_chain, spiking_ssm

LIMITED = make_chip(core__max_neurons=4, core__max_fan_in=10)


def test_description_is_plain_data() -> None:
    found = describe(map_network(spiking_ssm(4, 2, 1), LIMITED))
    assert json.loads(json.dumps(found)) == found


def test_usage_of_each_core() -> None:
    found = describe(map_network(lif_chain(3, 4, 2), LIMITED, MappingOptions(placement="naive")))
    assert found["cores_used"] == 2 and found["tiles_used"] == 1
    first = found["cores"][0]
    assert first["populations"] == {"l1": [0, 4]}
    assert first["resources"]["neurons"] == {"used": 4, "limit": 4, "percent": 100.0}
    assert first["resources"]["axons_in"] == {"used": 3, "limit": 4096, "percent": 0.1}
    assert first["resources"]["axons_out"]["used"] == 4
    assert first["resources"]["fan_in"]["used"] == 3
    assert first["resources"]["synapse_words"]["used"] == 3
    assert first["resources"]["fan_out"] == {"used": 1, "limit": None, "percent": None}
    assert "profiles" not in first["resources"]
    assert found["binding"] == {"resource": "neurons", "core": 0, "percent": 100.0}


def test_gain_of_the_placement() -> None:
    placement = describe(map_network(lif_chain(3, 8, 6), LIMITED))["placement"]
    assert placement["cost"] < placement["naive_cost"]
    assert placement["gain"] == round(1 - placement["cost"] / placement["naive_cost"], 4)


def test_text() -> None:
    text = render(describe(map_network(lif_chain(3, 8, 6), LIMITED, MappingOptions(placement="naive"))))
    assert text.splitlines()[0] == "chain on test-chip: 17 neurons, 72 synapses on 4 cores, 2 tiles"
    assert "schedule pipelined: a token every 1 time steps, 3 stages" in text
    assert "fullest: neurons of core 0, 100.0 %" in text
    assert "4/4 100%" in text and "l1[0:4]" in text
    assert text.splitlines()[-2:] == [">2   2   .   .<", " .   .   .   ."]


def test_mesh_too_wide_to_draw() -> None:
    chip = make_chip(noc__columns=60, noc__rows=1)
    assert render(describe(map_network(lif_chain(1, 1), chip))).endswith("60 x 1 tiles, too wide to draw")
