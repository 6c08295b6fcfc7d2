"""The plan of a study: how its trials are sampled, judged, scheduled and retried."""

from dataclasses import dataclass

from search.driver.rules import Rules
from search.driver.schedule import Schedule
from search.samplers import Sampler
from search.spaces import Space

__all__ = ["Plan"]


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
