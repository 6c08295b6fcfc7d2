"""The request for a launch, and its result."""

import dataclasses
from dataclasses import dataclass

from search.config.configuration import LaunchConfig
from search.driver.continuing import continuing_command
from search.driver.driver import Ending
from search.launch.starting_points import StartingPoint
from search.machine.resources import Machine
from search.machine.run_options import RunOptions
from search.records.confirmation import ConfirmationPlan
from trainer.config.sources import Layers
from trainer.console.shell import Command

__all__ = ["Launch", "LaunchResult"]


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A checked request to launch or continue a study."""

    #: Name of the study; None picks the next free name, such as ``rooms-2``.
    study: str | None
    #: The settings that the user gave; a stored study is compared with these alone.
    layers: Layers
    #: The whole configuration, from :func:`~search.launch.stored_study.configure`.
    config: LaunchConfig
    options: RunOptions
    #: Confirm these trials of a finished study instead of searching.
    confirmation: ConfirmationPlan | None = None
    #: Settings to begin a new study with, after the default values.
    starting: tuple[StartingPoint, ...] = ()
    #: Facts about the data set that the study stores, such as files that are not used; None if
    #: nobody looked.
    data_notes: tuple[str, ...] | None = None
    #: The command that continues it, for messages; None for ``resume`` or ``confirm``.
    command: Command | None = None

    @property
    def trials_given(self) -> bool:
        """Whether ``--trials`` was given; only then the target of a stored study changes."""
        return "trials" in self.layers.flags.get("search", {})

    def again(self, study: str) -> Command:
        """The command that continues it as a study of this name, if it stops."""
        return self.command or continuing_command(study, self.confirmation)

    def on(self, machine: Machine) -> "Launch":
        """The same request on the reserved part of the machine."""
        options = dataclasses.replace(self.options, machine=machine)
        return dataclasses.replace(self, options=options)


@dataclass(frozen=True, kw_only=True)
class LaunchResult:
    """How a launch ended."""

    study: str
    ending: Ending
    #: Why it was stopped; None if it was not.
    reason: str | None
    #: Seconds that this process searched, without the set-up.
    seconds: float
