"""A Gaussian process over the unit cube: smooths the noisy values of a study's trials.

The kernel is Matérn 5/2 with one length scale per parameter, times a variance, plus a noise term.
Length scales have the log-normal prior of Hvarfner et al. 2024 (arXiv 2402.02746, Section 4.2),
whose median grows with the square root of the number of parameters. Without a prior, a few dozen
trials in ten dimensions fit almost any length scale. Nothing here is random: the optimiser always
starts at the same points.

Shape letters: I trials, D parameters.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Surrogate", "fit_surrogate"]

Array = NDArray[np.float64]

#: Of the log of a length scale: the mean without the term for the dimension, and the deviation.
LENGTH_MEAN, LENGTH_DEVIATION = math.sqrt(2), math.sqrt(3)
LENGTH_BOUNDS = (1e-2, 1e4)
#: Of the variance and of the noise's variance, in units of the variance of the values.
VARIANCE_BOUNDS, NOISE_BOUNDS = (1e-2, 1e3), (1e-4, 2.0)
#: Where the optimiser starts: the length scales, relative to the root of the number of parameters,
#: and the noise's variance. The likelihood has several maxima; one of them explains all by noise.
STARTS = ((0.3, 0.05), (1.0, 0.5))
MOST_STEPS = 50  # of the optimiser; more change nothing that matters
#: Trials from which the kernel's parameters are estimated; the time grows with the third power.
MOST_FITTED = 250
SMALLEST_DEVIATION = 1e-9


@dataclass(frozen=True, kw_only=True)
class Surrogate:
    """A fitted model of the values, without their noise."""

    #: Deviation of the noise, in units of the values.
    noise: float
    #: Mean and deviation of the noiseless value at inputs of shape (I, D), each of shape (I,).
    predict: Callable[[Array], tuple[Array, Array]]


def fit_surrogate(inputs_ID: Array, values_I: Array) -> Surrogate:
    """Fit the model.

    Args:
        inputs_ID: The trials' parameters in the unit cube.
        values_I: Their values, which must differ.
    """
    # lazily: the import takes a second
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor

    mean, deviation = float(values_I.mean()), float(values_I.std())
    assert deviation > SMALLEST_DEVIATION, "equal values have no model"
    scaled_I = (values_I - mean) / deviation
    chosen = _evenly(len(values_I), MOST_FITTED)
    with warnings.catch_warnings():
        # A parameter without effect has its length scale at the bound, as it should.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = GaussianProcessRegressor(_kernel(inputs_ID.shape[1]), optimizer=_most_likely)
        fitted.fit(inputs_ID[chosen], scaled_I[chosen])
    model = fitted
    if len(chosen) < len(values_I):
        model = GaussianProcessRegressor(fitted.kernel_, optimizer=None)
        model.fit(inputs_ID, scaled_I)
    noise_variance = float(model.kernel_.k2.noise_level)

    def predict(inputs_ID: Array) -> tuple[Array, Array]:
        mean_I, total_I = model.predict(inputs_ID, return_std=True)
        latent_I = np.sqrt(np.maximum(total_I**2 - noise_variance, 0.0))
        return mean + deviation * mean_I, deviation * latent_I

    return Surrogate(noise=deviation * math.sqrt(noise_variance), predict=predict)


def _kernel(dimensions: int) -> object:
    # lazily: as above
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    lengths = np.ones(dimensions)
    smooth = ConstantKernel(1.0, VARIANCE_BOUNDS) * Matern(lengths, LENGTH_BOUNDS, nu=2.5)
    return smooth + WhiteKernel(1.0, NOISE_BOUNDS)


def _most_likely(
    objective: Callable[..., tuple[float, Array]], start: Array, bounds: Array
) -> tuple[Array, float]:
    """Maximise the posterior of the kernel's parameters, which are logarithms.

    Args:
        objective: Negative log marginal likelihood and its gradient.
        start: The logs of variance, length scales and noise variance, in this order.
        bounds: Of each of them.

    Returns:
        The best parameters found, and the objective with the prior there.
    """
    from scipy.optimize import minimize  # lazily: as above

    lengths = slice(1, -1)
    dimensions = len(start) - 2
    mean = LENGTH_MEAN + math.log(dimensions) / 2

    def with_prior(logs: Array) -> tuple[float, Array]:
        loss, gradient = objective(logs, eval_gradient=True)
        apart = (logs[lengths] - mean) / LENGTH_DEVIATION
        gradient = gradient.copy()
        gradient[lengths] += apart / LENGTH_DEVIATION
        return loss + 0.5 * float(apart @ apart), gradient

    found = []
    for length, noise in STARTS:
        begin = start.copy()
        begin[lengths] = math.log(length) + math.log(dimensions) / 2
        begin[-1] = math.log(noise)
        options = {"maxiter": MOST_STEPS}
        found.append(
            minimize(
                with_prior, begin, jac=True, method="L-BFGS-B", bounds=bounds, options=options
            )
        )
    best = min(found, key=lambda each: float(each.fun))
    return best.x, float(best.fun)


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    """Indices of at most that many items, spread evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
