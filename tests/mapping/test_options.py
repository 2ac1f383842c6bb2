from __future__ import annotations

from typing import Any

import pytest

from neurosim.errors import OptionError
from neurosim.mapping.options import MappingOptions


@pytest.mark.parametrize(("given", "message"), [
    ({"strategy": "scatter"}, "strategy = 'scatter'\n  allowed: pack, balanced"),
    ({"placement": "best"}, "placement = 'best'\n  allowed: annealing, naive, linear, random"),
    ({"schedule": "eager"}, "schedule = 'eager'\n  allowed: pipelined, fall_through"),
    ({"seed": -1}, "seed = -1\n  allowed: integer from 0"),
    ({"seed": True}, "seed = True\n  allowed: integer from 0"),
    ({"max_neurons_per_core": 0}, "max_neurons_per_core = 0\n  allowed: integer from 1"),
    ({"n_cores": 0, "strategy": "balanced"}, "n_cores = 0\n  allowed: integer from 1"),
    ({"n_cores": 4}, "n_cores belongs to strategy 'balanced'"),
])
def test_bad_option_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        MappingOptions(**given)
    assert message in str(caught.value)
