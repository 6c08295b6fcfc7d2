"""What a driver is asked to do with a study."""

from dataclasses import dataclass

from search.driver.rules import Rules
from search.driver.schedule import Schedule
from search.samplers import Sampler
from search.spaces import Space

__all__ = ["Plan"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a study was asked to do."""

    seed: int
    space: Space
    sampler: Sampler
    rules: Rules
    schedule: Schedule
    #: Errors of one job that are tried again.
    max_retries: int
