"""Everything that is stored about a study, for its report: the view, and what lists leave out."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from search.quality.assessment import Assessment
from search.reporting.study_view import StudyView, TrialView
from trainer.hyper_parameters import HyperParameter
from trainer.records import Report

__all__ = ["Session", "StudyDetails", "TrialDetails"]


@dataclass(frozen=True, kw_only=True)
class Session:
    """A process that drove the study."""

    host: str
    pid: int
    #: By the server's clock.
    began: datetime.datetime
    #: None if it still drives the study, or if another process took over.
    ended: datetime.datetime | None


@dataclass(frozen=True, kw_only=True)
class StudyDetails:
    """A study with its reports, its search space, and where its results come from."""

    view: StudyView
    #: Number of trials in flight: those on workers, and one sampled ahead.
    in_flight: int
    #: When the search ended and its best trial was scored; None before.
    finished_at: datetime.datetime | None
    #: Package versions with which it was created, and the revision of the code.
    versions: Mapping[str, Any]
    revision: str | None
    #: Fingerprints of data and weights.
    fingerprints: Mapping[str, Any]
    #: The study's user attributes, whoever stored them.
    attributes: Mapping[str, Any]
    #: The reports of each trial, by its number, in order.
    reports: Mapping[int, tuple[Report, ...]]
    #: Who drove it, oldest first.
    sessions: tuple[Session, ...]
    #: Where pictures of its trials are, the newest place first.
    picture_places: tuple[str, ...] = ()

    @property
    def seats(self) -> int:
        """Trials that run at a time: all in flight but the one that is sampled ahead."""
        return max(1, self.in_flight - 1)

    @property
    def hyper_parameters(self) -> tuple[HyperParameter, ...]:
        """The search space; empty if another version created the study with another kind."""
        return () if self.view.space is None else self.view.space.hyper_parameters

    @cached_property
    def assessment(self) -> Assessment | None:
        """What the study claims and what to expect; None before the first complete trial."""
        from search.reporting.assessing import assess  # lazily: the model imports SciPy

        return assess(self.view)

    def setting(self, path: str) -> Any:
        """A setting by its name, such as ``training.iterations``; None if it is not stored."""
        return self.view.setting(path)


@dataclass(frozen=True, kw_only=True)
class TrialDetails:
    """A trial with its reports."""

    #: Its study.
    view: StudyView
    trial: TrialView
    #: One per evaluation, in order.
    reports: tuple[Report, ...]
