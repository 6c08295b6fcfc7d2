"""What is asked of a launch, and how it ended."""

import dataclasses
from dataclasses import dataclass

from search.config.configuration import LaunchConfig
from search.driver.driver import Ending
from search.machine.resources import Machine
from search.machine.run_options import RunOptions
from trainer.config.sources import Layers

__all__ = ["Launch", "LaunchResult"]


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What is launched, and how; checked already."""

    #: Name given to the study; None takes the next free one of the settings' title.
    study: str | None
    #: What was given; a study that is there already is compared with no more than that.
    layers: Layers
    #: The whole configuration, as :func:`~search.launch.stored_study.configure` makes it.
    config: LaunchConfig
    options: RunOptions

    @property
    def trials_given(self) -> bool:
        """Whether ``--trials`` was given: only then an existing study's target changes."""
        return "trials" in self.layers.flags.get("search", {})

    def on(self, machine: Machine) -> "Launch":
        """The same on the part of the machine that was reserved."""
        options = dataclasses.replace(self.options, machine=machine)
        return dataclasses.replace(self, options=options)


@dataclass(frozen=True, kw_only=True)
class LaunchResult:
    """How it ended."""

    study: str
    ending: Ending
    #: Why it was stopped, where it was.
    reason: str | None
    #: Seconds that this process searched, setting up aside.
    seconds: float
