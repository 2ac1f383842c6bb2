"""Multi-objective search by Optuna: NSGA-II and TPE, in any storage that Optuna knows.

Trials are asked for in batches, and told batch by batch in the order of their numbers. The sampler of each trial is
made anew with a seed of its own, so that a suggestion follows from the trials told alone; a study that was killed
goes on as if it had not been. A trial that repeats a point is told that point's outcome and costs nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from neurosim.errors import DataError, OptionError
from neurosim.explore.parameters import suggested_point
from neurosim.explore.points import Point
from neurosim.explore.search import violations
from neurosim.explore.study import Study
from neurosim.explore.trial import OK, Outcome

if TYPE_CHECKING:
    import optuna

FILE_NAME = "optuna.db"
# What a trial carries: its place among those that were asked to the end, and its point's settings.
PLACE, SETTINGS = "neurosim:place", "neurosim:settings"
# What a point without a value is told to be, in every objective: worse than any that has one.
WORST = 1e30
# Batches in a row that bring nothing new, after which a space counts as exhausted.
PATIENCE = 20


class _Asked(NamedTuple):
    """A trial that waits for its outcome; `trial` is None of those that an earlier program asked for."""

    point: Point
    trial_id: int
    trial: Any = None


class OptunaSearch:
    """Points that Optuna suggests.

    Raises
    ------
    DataError    Optuna is not installed
    OptionError  the storage cannot be used, or holds another study of this name
    """

    def __init__(self, study: Study, folder: Path, *, resume: bool) -> None:
        self._optuna = _optuna()
        self.study, self._spec = study, study.content.search
        self._trials = self._open(folder, resume=resume)
        self._asked: dict[int, _Asked] = {}       # by place
        self._seen: set[str] = set()
        self._n_in_vain = 0
        for trial in self._frozen("COMPLETE"):
            self._seen.add(_point(trial).key)

    def batch(self) -> Mapping[int, Point]:
        """Return the points of the next trials: as many as a population, or as the budget leaves."""
        if self._n_in_vain >= PATIENCE:
            return {}
        self._asked = {trial.user_attrs[PLACE]: _Asked(_point(trial), trial._trial_id)
                       for trial in self._frozen("RUNNING")}
        known = self._seen | {asked.point.key for asked in self._asked.values()}
        n_asked = len(self._frozen("COMPLETE")) + len(self._asked)
        while len(self._asked) < self._spec.population and len(known) < self.study.n_points:
            self._asked[n_asked] = self._ask(n_asked)
            known.add(self._asked[n_asked].point.key)
            n_asked += 1
        self._n_in_vain = 0 if len(known) > len(self._seen) else self._n_in_vain + 1
        return {place: asked.point for place, asked in self._asked.items()}

    def tell(self, outcomes: Mapping[str, Outcome]) -> None:
        """Tell Optuna the outcomes, in the order of the trials."""
        for place, asked in sorted(self._asked.items()):
            outcome = outcomes[asked.point.key]
            self._sample_as(place)
            trial = asked.trial or self._optuna.Trial(self._trials, asked.trial_id)
            known = {} if asked.trial else trial.constraints      # told before the program was killed
            for name, value in violations(outcome, self._constraints()).items():
                if name not in known:
                    trial.set_constraint(name, value)
            self._trials.tell(trial, self._values(outcome))
            self._seen.add(asked.point.key)
        self._asked = {}

    def _ask(self, place: int) -> _Asked:
        self._sample_as(place)
        trial = self._trials.ask()
        point = Point(suggested_point(self.study.parameters, trial))
        trial.set_user_attr(PLACE, place)
        trial.set_user_attr(SETTINGS, dict(point.settings))     # last: a trial without it was not asked to the end
        return _Asked(point, trial._trial_id, trial)

    def _constraints(self) -> dict[str, Any]:
        return {str(name): bound for name, bound in self.study.content.constraints.items()}

    def _values(self, outcome: Outcome) -> list[float]:
        values = []
        for name, direction in self.study.objectives.items():
            value = (outcome.metrics or {}).get(name) if outcome.status == OK else None
            values.append((WORST if direction == "min" else -WORST) if value is None else value)
        return values

    def _frozen(self, state: str) -> list[optuna.trial.FrozenTrial]:
        """Return the trials in `state` that were asked to the end; the others are given up."""
        wanted = getattr(self._optuna.trial.TrialState, state)
        trials = self._trials.get_trials(deepcopy=False, states=(wanted,))
        for trial in trials:
            if SETTINGS not in trial.user_attrs:
                self._trials.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)
        return [trial for trial in trials if SETTINGS in trial.user_attrs]

    def _sample_as(self, place: int) -> None:
        """Make the sampler of the trial at `place`."""
        seed = (self._spec.seed * 1_000_003 + place) % 2**32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")             # of arguments that Optuna calls experimental
            samplers, size = self._optuna.samplers, self._spec.population
            if self._spec.method == "nsga2":
                self._trials.sampler = samplers.NSGAIISampler(population_size=size, seed=seed)
            else:
                self._trials.sampler = samplers.TPESampler(n_startup_trials=size, seed=seed)

    def _open(self, folder: Path, *, resume: bool) -> optuna.Study:
        url = self._spec.storage or f"sqlite:///{(folder / FILE_NAME).resolve()}"
        directions = ["minimize" if each == "min" else "maximize" for each in self.study.objectives.values()]
        errors = self._optuna.exceptions
        try:
            return self._optuna.create_study(storage=url, study_name=self.study.name, directions=directions,
                                             load_if_exists=resume)
        except errors.DuplicatedStudyError:
            raise OptionError(f"search.storage: holds a study {self.study.name!r} already",
                              mend="go on with --resume, or give the study another name") from None
        except Exception as error:      # each kind of storage has errors of its own
            raise OptionError(f"search.storage = {url}: {(str(error).splitlines() or [''])[0][:200]}",
                              allowed="the URL of an Optuna storage, such as sqlite:///study.db",
                              mend="check the URL, and that its driver is installed") from None


def _point(trial: optuna.trial.FrozenTrial) -> Point:
    return Point(trial.user_attrs[SETTINGS])


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise DataError("Optuna is not installed", mend="pip install 'neurosim-chips[explore]', or search with grid or "
                        "random") from None
    if not hasattr(optuna.Trial, "set_constraint"):
        raise DataError(f"Optuna {optuna.__version__} is too old", allowed="5.0 or later",
                        mend="pip install -U 'neurosim-chips[explore]'")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
