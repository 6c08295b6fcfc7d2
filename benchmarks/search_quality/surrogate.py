"""A landscape from recorded runs: what a setting is worth, and how runs scatter around it.

A model maps the parameters to the mean curve over the seeds of a setting. There are two, because
each favours its kind: a random forest, which splits one number at a time, and a smooth Gaussian
process, which is what a search uses to say what it expects. A run of the landscape
is that curve plus the residuals of a recorded run, all of its evaluations together, as they depend
on each other. With several seeds, residuals are differences to the setting's mean. With one, they
are differences to what the model predicts of the setting from the others. These hold the model's
error, too, so they are scaled to the noise that the Gaussian process of a search finds in the
values (`search/quality/surrogate.py`). Whether a run collapses is decided by a forest in both.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import scipy
from numpy.typing import NDArray

from benchmarks.search_quality.recorded import Recorded, RecordedCurve, value_of
from search.quality.surrogate import fit_surrogate
from search.spaces import Space
from trainer.seeds import derive_seed, numpy_generator

__all__ = ["Family", "Forest", "Landscape", "LandscapeRun", "deviation_of", "fit_landscape"]

Array = NDArray[np.float64]

Family = Literal["forest", "process"]

TREES = 100
FOLDS = 5  # of the settings, each predicted from the others
LEAST_LEAF = 2  # settings in a leaf
LENGTH_SCALES = (0.1, 10.0)  # smallest and largest, of the unit cube
EVEN_POINTS = 2**12  # of a Sobol sequence, among which the optimum is looked for
#: Rounds in which the best points are moved a little, how many, how often, and how far.
ROUNDS, BEST, MOVES, STEP = 5, 40, 25, 0.08


class Curves(Protocol):
    """Maps a point of the unit cube to a mean curve, or to another row of numbers."""

    def predict(self, point: Sequence[float]) -> Array:
        """The numbers at one point."""
        ...


@dataclass(frozen=True)
class Process:
    """A fitted Gaussian process of scikit-learn for single points."""

    fitted: Any

    def predict(self, point: Sequence[float]) -> Array:
        """The mean at one point."""
        mean: Array = self.fitted.predict([point])[0]
        return mean


@dataclass(frozen=True, kw_only=True)
class LandscapeRun:
    """A run of the landscape."""

    scores: tuple[float, ...]
    collapsed: int | None


@dataclass(frozen=True, kw_only=True)
class Forest:
    """A fitted forest for single points; scikit-learn takes a hundred times as long for one.

    Arrays have the shape (trees, nodes), values (trees, nodes, outputs).
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: Array
    values: Array

    @classmethod
    def of(cls, fitted: Any) -> "Forest":
        """Take over the trees of scikit-learn's forest."""
        trees = [each.tree_ for each in fitted.estimators_]
        nodes = max(tree.node_count for tree in trees)

        def stacked(arrays: Sequence[Any]) -> Any:
            made = np.zeros((len(arrays), nodes, *arrays[0].shape[1:]), dtype=arrays[0].dtype)
            for row, array in zip(made, arrays, strict=True):
                row[: len(array)] = array
            return made

        return cls(
            left=stacked([tree.children_left for tree in trees]),
            right=stacked([tree.children_right for tree in trees]),
            feature=stacked([tree.feature for tree in trees]),
            threshold=stacked([tree.threshold for tree in trees]),
            values=stacked([tree.value[:, :, 0] for tree in trees]),
        )

    def predict(self, point: Sequence[float]) -> Array:
        """The mean of the trees at one point."""
        place = np.asarray(point, dtype=np.float32)  # as scikit-learn compares
        trees, node = np.arange(len(self.left)), np.zeros(len(self.left), dtype=np.int64)
        while np.any(inner := self.left[trees, node] >= 0):
            goes_left = place[self.feature[trees, node]] <= self.threshold[trees, node]
            below = np.where(goes_left, self.left[trees, node], self.right[trees, node])
            node = np.where(inner, below, node)
        mean: Array = self.values[trees, node].mean(axis=0)
        return mean


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """The fitted models."""

    family: Family
    space: Space
    #: Maps points of the unit cube to mean curves, and to shares of collapsed runs.
    curves: Curves
    collapses: Curves | None
    #: Residual curves of healthy runs, (runs, evaluations).
    residuals: Array
    #: Evaluation at which a collapsed run is stopped.
    stopped_at: int
    #: Held out: rank correlation and coefficient of determination of the settings' values.
    correlation: float
    determination: float
    #: The highest worth that was found.
    optimum: float

    def worth(self, params: Mapping[str, float]) -> float:
        """What the parameters are worth on average."""
        return value_of(self._curve(params).tolist())

    def run(self, params: Mapping[str, float], *seed: int | str) -> LandscapeRun:
        """A run with fresh noise."""
        generator = numpy_generator("landscape run", *seed)
        noise = self.residuals[generator.integers(len(self.residuals))]
        point = self.space.to_unit(params)
        collapsed = self.collapses is not None and self.collapses.predict(point)[0] >= 0.5
        return LandscapeRun(
            scores=tuple((self._curve(params) + noise).tolist()),
            collapsed=self.stopped_at if collapsed else None,
        )

    def _curve(self, params: Mapping[str, float]) -> Array:
        return self.curves.predict(self.space.to_unit(params))


def fit_landscape(recorded: Recorded, family: Family = "forest") -> Landscape:
    """Fit the models, and look for the optimum."""
    settings: dict[int, list[RecordedCurve]] = {}
    for run in recorded.runs:
        settings.setdefault(run.setting, []).append(run)
    groups = list(settings.values())
    inputs = np.array([recorded.space.to_unit(group[0].params) for group in groups])
    floor = min(score for run in recorded.runs for score in run.scores if score == score)
    curves = [np.array([np.nan_to_num(run.scores, nan=floor) for run in each]) for each in groups]
    means = np.array([each.mean(axis=0) for each in curves])
    collapsed = np.array([np.mean([run.collapsed is not None for run in each]) for each in groups])
    fitted, held_out = _fitted(family, inputs, means)
    known = np.array([value_of(each.tolist()) for each in means])
    said = np.array([value_of(each.tolist()) for each in held_out])
    residuals = _residuals(groups, curves, held_out)
    if all(len(group) == 1 for group in groups):
        healthy = [index for index, (run,) in enumerate(groups) if run.collapsed is None]
        noise = fit_surrogate(inputs[healthy], known[healthy]).noise
        residuals *= noise / deviation_of(residuals)
    stops = [run.collapsed for run in recorded.runs if run.collapsed is not None]
    return Landscape(
        family=family,
        space=recorded.space,
        curves=Forest.of(fitted) if family == "forest" else Process(fitted),
        collapses=Forest.of(_forest().fit(inputs, collapsed)) if stops else None,
        residuals=residuals,
        stopped_at=round(float(np.median(stops))) if stops else recorded.evaluations,
        correlation=float(scipy.stats.spearmanr(said, known).statistic),
        determination=float(1 - ((said - known) ** 2).sum() / ((known - known.mean()) ** 2).sum()),
        optimum=_optimum(fitted, recorded.space, inputs),
    )


def _fitted(family: Family, inputs: Array, means: Array) -> tuple[Any, Array]:
    """A model of the settings' curves, and what it says of each that it has not seen."""
    if family == "forest":
        forest = _forest(oob_score=True).fit(inputs, means)
        return forest, forest.oob_prediction_
    from sklearn.exceptions import ConvergenceWarning  # lazily: the import takes a second
    from sklearn.model_selection import cross_val_predict

    process = _process(inputs.shape[1])
    with warnings.catch_warnings():  # a parameter that hardly matters has the largest scale
        warnings.simplefilter("ignore", ConvergenceWarning)
        held_out: Array = cross_val_predict(process, inputs, means, cv=FOLDS)
        return process.fit(inputs, means), held_out


def _forest(**options: Any) -> Any:
    from sklearn.ensemble import RandomForestRegressor  # lazily: the import takes a second

    seed = derive_seed("search quality", "forest") % 2**32
    return RandomForestRegressor(TREES, min_samples_leaf=LEAST_LEAF, random_state=seed, **options)


def _process(dimensions: int) -> Any:
    """A process with a length scale per parameter and a noise term, the same for each look."""
    from sklearn.gaussian_process import GaussianProcessRegressor  # lazily: as above
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    scales = Matern(np.ones(dimensions), length_scale_bounds=LENGTH_SCALES, nu=2.5)
    return GaussianProcessRegressor(ConstantKernel() * scales + WhiteKernel(), normalize_y=True)


def deviation_of(residuals: Array) -> float:
    """The deviation of the values of runs, from their residual curves."""
    return float(np.std([value_of(each) for each in residuals.tolist()]))


def _residuals(
    groups: Sequence[Sequence[RecordedCurve]], curves: Sequence[Array], held_out: Array
) -> Array:
    """Of healthy runs, with mean 0 at each evaluation."""
    found = []
    for group, scores, predicted in zip(groups, curves, held_out, strict=True):
        several = len(group) > 1
        middle = scores.mean(axis=0) if several else predicted
        wider = np.sqrt(len(group) / (len(group) - 1)) if several else 1.0
        healthy = [run.collapsed is None for run in group]
        found += [
            wider * (score - middle) for score, fine in zip(scores, healthy, strict=True) if fine
        ]
    residuals = np.array(found)
    centred: Array = residuals - residuals.mean(axis=0)
    return centred


def _optimum(fitted: Any, space: Space, inputs: Array) -> float:
    """The highest worth among even points, recorded settings, and points near the best of them."""
    dimensions, generator = len(space.hyper_parameters), numpy_generator("landscape optimum")
    even = scipy.stats.qmc.Sobol(d=dimensions, rng=generator).random(EVEN_POINTS)
    points = np.vstack([even, inputs])
    worth = np.array([value_of(each) for each in fitted.predict(points).tolist()])
    for _ in range(ROUNDS):
        best = points[np.argsort(-worth, kind="stable")[:BEST]]
        moved = np.repeat(best, MOVES, axis=0)
        moved = np.clip(moved + STEP * generator.standard_normal(moved.shape), 0.0, 1.0)
        points = np.vstack([best, moved])
        worth = np.array([value_of(each) for each in fitted.predict(points).tolist()])
    return float(worth.max())
