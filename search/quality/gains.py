"""What more work on a study should gain: more trials, or fresh runs of the best ones.

Gains are in units of the objective, and about the average over seeds, not about lucky values.

**More trials.** The best of n independent values grows with the logarithm of n if their upper tail
is exponential, as it is in the limit for the usual distributions. The scale of the tail is
estimated from the largest values (Weissman 1978, https://doi.org/10.1080/01621459.1978.10480104).
A sampler that learns does better than independent draws, and a search that has found its optimum
does worse; ``python -m benchmarks.gains`` measures both.

**Fresh runs.** What the model thinks of each finalist is drawn at random, fresh runs with noise
are added, and the finalist with the highest mean is chosen, as ``confirm`` does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "LEAST_VALUES",
    "ChoiceGain",
    "Gain",
    "digits_of",
    "gain_of_confirming",
    "gain_of_more",
]

#: The largest values, from which the scale of the tail is estimated: a quarter of all, within
#: these numbers.
LEAST_LARGEST, LARGEST = 3, 10
#: Values below which the tail is unknown.
LEAST_VALUES = 5
DRAWS = 4000


@dataclass(frozen=True, kw_only=True)
class Gain:
    """An expected gain, and the deviation of what may come out."""

    mean: float
    deviation: float

    @property
    def text(self) -> str:
        """Such as ``0.2 ± 0.3``, with the digits that its deviation allows."""
        digits = digits_of(self.deviation)
        return f"{self.mean:.{digits}f} ± {self.deviation:.{digits}f}"


@dataclass(frozen=True, kw_only=True)
class ChoiceGain(Gain):
    """The gain of choosing among finalists by fresh runs."""

    #: How often the choice changes, from 0 to 1.
    changes: float


def digits_of(deviation: float) -> int:
    """How many decimals a number with this deviation deserves: one or two."""
    return 1 if deviation <= 0 or deviation >= 0.1 else 2


def gain_of_more(values: Sequence[float], *, finished: int, more: int) -> Gain | None:
    """What some more trials add to the best value.

    With s the scale of the tail and r the ratio of new to finished trials, the best new value
    exceeds the best old one by the positive part of a logistic variable of scale s around
    s·ln(r). Its mean is s·ln(1 + r), its second moment -2·s²·Li₂(-r).

    Args:
        values: Values of the complete trials without noise, such as the model's means.
        finished: Number of trials, those with lower values included.
        more: Number of further trials.

    Returns:
        None with too few values.
    """
    if len(values) < LEAST_VALUES or finished < 1:
        return None
    from scipy.special import spence  # lazily: the import is slow

    largest = sorted(values, reverse=True)
    count = min(LARGEST, max(LEAST_LARGEST, len(values) // 4))
    scale = sum(largest[:count]) / count - largest[count]
    ratio = more / finished
    mean = scale * math.log1p(ratio)
    second = -2 * scale**2 * float(spence(1 + ratio))
    return Gain(mean=mean, deviation=math.sqrt(max(0.0, second - mean**2)))


def gain_of_confirming(
    means: Sequence[float], deviations: Sequence[float], *, noise: float, seeds: int
) -> ChoiceGain:
    """What it adds to choose among finalists by fresh runs, instead of by the model.

    Args:
        means: What the model expects of each finalist, the preferred one first.
        deviations: How unsure it is of each.
        noise: Deviation of single runs around their average.
        seeds: Fresh runs of each.
    """
    import numpy as np  # lazily: the import is slow

    from trainer.seeds import numpy_generator

    generator = numpy_generator("gain of confirming", len(means), seeds)
    shape = (DRAWS, len(means))
    truth = np.asarray(means) + np.asarray(deviations) * generator.standard_normal(shape)
    fresh = truth + noise / math.sqrt(seeds) * generator.standard_normal(shape)
    chosen = fresh.argmax(axis=1)
    gains = truth[np.arange(DRAWS), chosen] - truth[:, 0]
    return ChoiceGain(
        mean=float(gains.mean()),
        deviation=float(gains.std()),
        changes=float((chosen != 0).mean()),
    )
