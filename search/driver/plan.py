"""The plan of a study: how its trials are sampled, judged, scheduled and retried."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from search.driver.rules import Rules
from search.driver.schedule import Schedule
from search.samplers import Sampler
from search.spaces import Space

__all__ = ["Canonical", "Plan", "without_vector"]

#: Maps the parameters of a trial to its canonical vector (``search/spaces/canonical.py``).
Canonical = Callable[[Mapping[str, float]], Mapping[str, float]]


def without_vector(params: Mapping[str, float]) -> Mapping[str, float]:
    """No vector, where no configuration says what the parameters mean."""
    del params
    return {}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a driver runs a study, from the study's configuration and its record."""

    seed: int
    space: Space
    sampler: Sampler
    rules: Rules
    schedule: Schedule
    #: How many errors of one job are retried.
    max_retries: int
    #: Canonical vectors are stored with trials.
    canonical: Canonical = without_vector
