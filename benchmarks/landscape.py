"""Simulated searches of a landscape that recorded runs define.

The 200 unpruned runs of `rooms` that `benchmarks.collapse` recorded, with settings drawn
uniformly, become a landscape: a random forest fitted to their values, which is a model of another
family than the Gaussian process under test. A search by TPE sees the landscape with noise, whose
deviation stands for that of seeds. The forest without noise is the truth.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import optuna

from benchmarks.records import read_kept_runs
from search.driver.in_memory_study import InMemoryStudy
from search.quality.expected import Point, PointKind
from search.records.stored_trial import COLLAPSE_ATTRIBUTE
from search.samplers import find_sampler
from search.spaces import Space
from trainer.seeds import derive_seed, numpy_generator

__all__ = ["DEVIATIONS", "STUDIES", "TRIALS", "Landscape", "SimulatedSearch", "landscape"]

SEARCHES = ("collapse-rooms-seed-1", "collapse-rooms-seed-2", "collapse-rooms-seed-3")
TRIALS = 200
STUDIES = 10  # per deviation of the noise
DEVIATIONS = (0.5, 1.0, 2.0)  # points
COLLAPSED = 15.0  # a run with a lower value counts as collapsed
TREES = 300

#: The worth of a point in the unit cube.
Landscape = Callable[[list[float]], float]


def landscape(space: Space) -> Landscape:
    """The recorded runs as a function of their parameters in the unit cube."""
    from sklearn.ensemble import RandomForestRegressor  # lazily: printing the table needs none

    runs = [run for search in SEARCHES for run in read_kept_runs("collapse-runs", search)]
    inputs = np.array([space.to_unit(run.parameters) for run in runs])
    values = np.array([run.value for run in runs])
    seed = derive_seed("expectation", "forest") % 2**32
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=seed)
    forest.fit(inputs, values)
    return lambda point: float(forest.predict([point])[0])


@dataclass(frozen=True, kw_only=True)
class SimulatedSearch:
    """The trials of one search."""

    memory: InMemoryStudy
    #: The trials as the model of expected values sees them.
    points: tuple[Point, ...]
    #: What the parameters of each trial are worth, without noise.
    worth: tuple[float, ...]

    @classmethod
    def of(
        cls, worth_of: Landscape, space: Space, deviation: float, *, name: str, seed: int
    ) -> "SimulatedSearch":
        """Search a landscape.

        Args:
            worth_of: The landscape.
            space: Its parameters.
            deviation: Of the noise.
            name: Of the benchmark; each has its own noise.
            seed: Of noise and sampler.
        """
        noise = numpy_generator(name, "noise", seed).normal(0.0, deviation, TRIALS)
        memory = InMemoryStudy(f"{name}-{seed}")
        sampler = find_sampler("tpe")
        worth: list[float] = []
        points: list[Point] = []
        for number in range(TRIALS):
            params = sampler(memory.study, space, number, seed)
            worth.append(worth_of(space.to_unit(params)))
            value = worth[-1] + float(noise[number])
            collapsed = worth[-1] < COLLAPSED
            memory.add(_ended(space, params, value, collapsed=collapsed))
            kind: PointKind = "collapsed" if collapsed else "complete"
            points.append(Point(number=number, params=params, value=value, kind=kind))
        return cls(memory=memory, points=tuple(points), worth=tuple(worth))


def _ended(
    space: Space, params: dict[str, float], value: float, *, collapsed: bool
) -> optuna.trial.FrozenTrial:
    """An ended trial, for the sampler."""
    state = optuna.trial.TrialState.PRUNED if collapsed else optuna.trial.TrialState.COMPLETE
    return optuna.create_trial(
        state=state,
        value=value,
        params=params,
        distributions=space.distributions,
        system_attrs={COLLAPSE_ATTRIBUTE: float(collapsed)},
    )
