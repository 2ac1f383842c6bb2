"""Tries options of the mapping on the user's own data, and says what each brings.

Accuracy comes from a batch pass over all samples, times and energies from a run of the first few at detail `analytic`;
each is what `neurosim run` gives with the same options and samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from numpy.typing import ArrayLike

from neurosim import api
from neurosim.advisor.candidates import Candidate, codings, notes, partitions, rewrites, together
from neurosim.advisor.measure import Measurement, measure
from neurosim.advisor.result import Advice, Row, best_first, loses
from neurosim.errors import MappingError, NeurosimError, OptionError, check_choice
from neurosim.graph import Network
from neurosim.mapping.rewrites.sigma_delta import why_not
from neurosim.resolve import Resolved, resolve
from neurosim.run_data import Data, find_data, with_sequence_length

if TYPE_CHECKING:
    from hw_models.schema import Chip

# Samples that accuracies come from, and the first of them that are timed, unless told otherwise.
SAMPLES, TIMED = 50, 3
NUMBERS = ("float64", "fixed")


class _Question(NamedTuple):
    """What every attempt has in common."""

    source: str | Path | Network
    chip: Chip | str | Path | None
    network: str | None
    schedule: str | None
    seed: int
    overrides: tuple[str, ...]
    numbers: str
    data: Data

    def resolved(self, settings: Sequence[str]) -> Resolved:
        """Return network, chip and options, with further settings; OptionError where they do not go together."""
        found = resolve(self.source, self.chip, network=self.network, schedule=self.schedule, seed=self.seed,
                        overrides=[*self.overrides, *settings])
        return with_sequence_length(found, self.data)


def advise(source: str | Path | Network, chip: Chip | str | Path | None = None,
           inputs: ArrayLike | str | Path | None = None, labels: ArrayLike | str | Path | None = None, *,
           network: str | None = None, samples: int = SAMPLES, timed: int = TIMED, numbers: str = "float64",
           schedule: str | None = None, seed: int = 0, overrides: Sequence[str] = (),
           progress: Callable[[int, int], None] | None = None) -> Advice:
    """Try the options that could make a network fit a chip, or cost less there.

    Parameters
    ----------
    source, chip, inputs, labels, network, schedule, seed, overrides : as in `run`
    samples : that accuracy and agreement are measured on, or fewer where there are fewer
    timed : of these, that are timed and priced
    numbers : "float64" or "fixed"
    progress : called with (attempts done, attempts in all)

    Raises
    ------
    InputError, ConfigError  if network, chip, data or options are wrong; that the network does not fit is an answer
    """
    check_choice("numbers", numbers, NUMBERS)
    for name, value in (("samples", samples), ("timed", timed)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise OptionError(f"{name} = {value!r}", allowed="integer from 1")
    resolved = resolve(source, chip, network=network, schedule=schedule, seed=seed, overrides=overrides)
    if resolved.chip.sync == "free_running":
        raise OptionError(f"chip {resolved.chip.name} runs free: what its neurons answer depends on order",
                          allowed="a chip with time steps", mend="compare runs on it: neurosim run")
    data = find_data(resolved, inputs, labels, None, at_most=samples)
    question = _Question(source, chip, network, schedule, seed, tuple(overrides), numbers, data)
    given, rows = _attempts(question, min(timed, len(data.inputs)), progress)
    return Advice(resolved.network.name, resolved.chip.name, numbers, len(data.inputs), min(timed, len(data.inputs)),
                  data.inputs.shape[1], given, best_first(rows, given), notes(resolved.network))


def _attempts(question: _Question, timed: int, progress: Callable[[int, int], None] | None) -> tuple[Row, list[Row]]:
    """Measure the network as given, each candidate by itself, and the best of each group together."""
    resolved = question.resolved(())
    n_done = 0

    def attempt(candidate: Candidate, first: Measurement | None, n_total: int) -> Measurement:
        nonlocal n_done
        found = _attempt(question, candidate, timed, first)
        n_done += 1
        if progress is not None:
            progress(n_done, n_total)
        return found

    given = attempt(Candidate("as given", "", (), "nothing"), None, 1)
    tried = [*rewrites(resolved.network, resolved.mapping, resolved.chip),
             *codings(resolved.mapping, _sizes(given)),
             *(partitions(given.network, resolved.mapping, resolved.chip, given.row, given.cores_of)
               if given.network is not None else [])]
    found = [(item, attempt(item, given, len(tried) + 2).row) for item in tried]
    best = together(_best_of_groups(found, given.row))
    rows = [row for _, row in found]
    if best is not None:
        rows.append(attempt(best, given, len(tried) + 2).row)
    return given.row, rows


def _best_of_groups(found: list[tuple[Candidate, Row]], given: Row) -> list[Candidate]:
    """Return the cheapest candidate of each group among those that cost less than the given and keep its answers."""
    groups: dict[str, tuple[Candidate, Row]] = {}
    for item, row in found:
        if not row.fits or loses(row, given) or row.cost >= given.cost or item.changes == "the function":
            continue
        if item.group not in groups or row.cost < groups[item.group][1].cost:
            groups[item.group] = (item, row)
    return [item for item, _ in groups.values()]


def _attempt(question: _Question, candidate: Candidate, timed: int, first: Measurement | None) -> Measurement:
    """Measure one choice of options; that it does not fit, or cannot be had, is an answer too."""
    try:
        found = question.resolved(candidate.settings)
        if question.numbers == "fixed":
            found, _ = api.with_formats(found, question.data)
        return measure(found, candidate, question.data, question.numbers, timed, first)
    except NeurosimError as error:
        if first is None and not isinstance(error, MappingError):       # what was given wrongly is no answer
            raise
        row = Row(candidate.name, candidate.settings, candidate.changes, False, str(error).splitlines()[0])
        return Measurement(row)


def _sizes(given: Measurement) -> Mapping[str, float]:
    """Return the root mean square of what each population sends that could send changes."""
    if given.network is None:
        return {}
    network = given.network
    return {name: size for name, size in given.sizes.items() if not why_not(network, network.population(name))}
