"""A scenario: trained networks, the data they are tried on, and the chip they are meant for, in one YAML file.

    digits                      a packaged scenario (`scenarios/<name>/scenario.yaml`), its default network
    digits:gsu                  the same, network `gsu`
    my/scenario.yaml[:name]     one of your own

Paths within the file are relative to it. Each network names its weight file and the file's format; what else stands
there are options of `importers.import_network`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from hw_models.explain import validate
from hw_models.located import ConfigError, Fault, Located, read_located, shown
from neurosim.errors import DataError, OptionError, nearest
from neurosim.inputs import check_labels, load_inputs, load_labels

if TYPE_CHECKING:
    from neurosim.graph import Network

FILE_NAME = "scenario.yaml"
FORMATS = ("ssm",)


class DataSource(BaseModel):
    """Where a scenario's data stand: arrays of one .npz or .h5 file, or a .npy file without labels; or nowhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(default="", description="the path of a .npy, .npz or .h5 file, relative to this one")
    input: str | None = None
    labels: str | None = None
    scale: Annotated[float, Field(gt=0, le=1e9, description="what the values are multiplied by")] = 1.0
    calibration: str | None = None
    calibration_labels: str | None = None


class ScenarioFile(BaseModel):
    """The keys of a scenario file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="one word, such as digits")
    title: str = Field(min_length=1, description="one line saying what the network does")
    licence: str = Field(min_length=1, description="the licence of data and weights")
    networks: dict[str, dict[str, str | int | float | bool]] = Field(
        min_length=1, description="a line per network, such as lif: {weights: lif.safetensors}")
    default_network: str = Field(description="one of the names in `networks`")
    chip: str = Field(default="loihi2", description="a chip's name or file")
    mapping: dict[str, str | int | bool] = Field(
        default={}, description="options of the mapping, such as max_neurons_per_core: 16")
    data: DataSource = DataSource()


@dataclass(frozen=True)
class Scenario:
    """A checked scenario file."""

    path: Path
    content: ScenarioFile

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return self.content.name

    @property
    def chip(self) -> str:
        """The chip it is meant for."""
        return self.content.chip

    @property
    def mapping(self) -> dict[str, Any]:
        """Options of the mapping that suit it."""
        return dict(self.content.mapping)

    def weights(self, network: str | None = None) -> tuple[Path, dict[str, Any]]:
        """Return weight file and importer options of a network; raise OptionError where there is no such network."""
        name = network or self.content.default_network
        names = list(self.content.networks)
        if name not in names:
            raise OptionError(f"scenario {self.name}: no network {name!r}", allowed=", ".join(names),
                              mend=nearest(name, names))
        options = dict(self.content.networks[name])
        options.pop("format", None)             # importers tell by the content; the name is for readers
        return self.path.parent / str(options.pop("weights")), options

    def network(self, network: str | None = None) -> Network:
        """Import a network of the scenario, the default one unless named."""
        from importers import import_network

        path, options = self.weights(network)
        if not path.is_file():
            raise DataError(f"{self.path}: networks: no such file {path}", mend="check `weights`, relative to the file")
        return import_network(path, **options).network

    def inputs(self, n_columns: int) -> NDArray[np.float64]:
        """Return the test inputs, float64[sample, token, column]."""
        data = self._data()
        return load_inputs(self._array(data.file, data.input), n_columns, scale=data.scale)

    def labels(self) -> NDArray[np.int64] | None:
        """Return the class of each test input, or None where the scenario has none."""
        data = self._data()
        if data.labels is None:
            return None
        return check_labels(load_labels(self._array(data.file, data.labels)), f"{data.file}: {data.labels}")

    def calibration(self, n_columns: int) -> NDArray[np.float64] | None:
        """Return inputs that no result is measured on, for choosing number formats; None where there are none."""
        data = self._data()
        if data.calibration is None:
            return None
        return load_inputs(self._array(data.file, data.calibration), n_columns, scale=data.scale)

    def _data(self) -> DataSource:
        if not self.content.data.file:
            raise DataError(f"{self.path}: has no data", mend="name its file under the key `data`, or give --input")
        return self.content.data

    def _array(self, file: str, field: str | None) -> str:
        path = self.path.parent / file
        return f"{path}:{field}" if field else str(path)


def list_scenarios() -> list[str]:
    """Return the names of the packaged scenarios, sorted."""
    return sorted(path.parent.name for path in _package_directory().glob(f"*/{FILE_NAME}"))


def is_scenario(source: str | Path) -> bool:
    """Whether `source` names a packaged scenario or a scenario file, with or without a network."""
    path, _ = _split(source)
    return str(path) in list_scenarios() or path.suffix in (".yaml", ".yml")


def load_scenario(source: str | Path) -> tuple[Scenario, str | None]:
    """Return the scenario, and the network that `source` names (`digits:gsu`) or None.

    Raises
    ------
    ConfigError  with every fault of the file
    OptionError  if there is no such scenario
    """
    name, network = _split(source)
    scenario = Scenario(path := find_scenario(name), _checked(read_located(path)))
    if network is not None:
        scenario.weights(network)
    return scenario, network


def find_scenario(name: str | Path) -> Path:
    """Return the file of a packaged scenario, or `name` itself where it is a file."""
    if str(name) in list_scenarios():
        return _package_directory() / str(name) / FILE_NAME
    if Path(name).suffix in (".yaml", ".yml"):
        return Path(name)
    raise OptionError(f"no scenario {str(name)!r}", allowed=f"{', '.join(list_scenarios())}, or a scenario's YAML file",
                      mend=nearest(str(name), list_scenarios()))


def _package_directory() -> Path:
    return Path(str(files("scenarios")))


def _split(source: str | Path) -> tuple[Path, str | None]:
    text = str(source)
    name, colon, network = text.rpartition(":")
    if not colon or not name or not network or "/" in network or Path(text).exists():
        return Path(text), None
    return Path(name), network


def _checked(located: Located) -> ScenarioFile:
    content, faults, _ = validate(ScenarioFile, located)
    faults = [*located.faults, *faults, *_network_faults(located)]
    if faults or content is None:
        raise ConfigError(sorted(faults, key=lambda fault: (fault.line or 0, fault.field)))
    return content


def _network_faults(located: Located) -> Iterator[Fault]:
    """Yield what the schema cannot say: every network has weights, and the default one exists."""
    networks = located.value.get("networks")
    if not isinstance(networks, dict):
        return
    for name, entry in networks.items():
        if isinstance(entry, dict) and not isinstance(entry.get("weights"), str):
            yield located.fault(("networks", name, "weights"), shown(entry.get("weights", "(missing)")),
                                "the path of a weight file, relative to this one", "add the key `weights`")
        if isinstance(entry, dict) and entry.get("format", FORMATS[0]) not in FORMATS:
            yield located.fault(("networks", name, "format"), shown(entry["format"]), ", ".join(FORMATS),
                                "name the format of the weight file, or leave the key out")
    default = located.value.get("default_network")
    if isinstance(default, str) and default not in networks:
        yield located.fault(("default_network",), default, ", ".join(networks), "name one of the networks")
