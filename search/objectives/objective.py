"""Objectives: how the number that a search maximises is computed from reports."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from search.errors import StudyError
from trainer.records import Report

__all__ = ["LAST_EVALUATIONS", "Counted", "Objective"]

LAST_EVALUATIONS = 5  # evaluations whose median score is the value of a run

#: Which evaluations determine the value of a full run: the last ones, or the best one.
Counted = Literal["last", "best"]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A number to maximise: its description, the criteria it reads, and its formula.

    Pruners compare the ``score`` of an evaluation; the sampler learns from the ``value`` of a
    finished run. An objective with another kind of value overrides ``value`` and ``value_text``.
    """

    #: Its name in ``[search] objective`` and ``--objective``; never changes, since it is stored.
    name: str
    #: Short label for an axis or a column.
    label: str
    #: Unit of scores and values; empty if there is none.
    unit: str
    #: What it rewards, in one sentence.
    sentence: str
    #: Names of the criteria that the formula reads.
    criteria: tuple[str, ...]
    #: Computes the score of an evaluation from exactly those criteria; higher is better.
    formula: Callable[[Mapping[str, float]], float]
    #: Criteria, and by how much each must exceed that of K-means and of the default settings
    #: before a result counts as better than they are. A higher value alone must suffice for a
    #: labelled score; a score without labels may rise while the clusters become worse.
    leads: Mapping[str, float] = field(default_factory=dict)

    @property
    def needs_labels(self) -> bool:
        """Whether it can be computed only if the val split has labels."""
        from trainer.scoring.criteria import CRITERIA  # lazily: it imports NumPy

        return any(CRITERIA[name].needs_labels for name in self.criteria)

    @property
    def least_images(self) -> int:
        """Number of images on val below which it is undefined."""
        from trainer.scoring.criteria import CRITERIA  # lazily: it imports NumPy

        return max(CRITERIA[name].least_images for name in self.criteria)

    @property
    def title(self) -> str:
        """Label and unit, such as ``mIoU (%)``."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def score(self, report: Report) -> float:
        """Score of one evaluation; NaN if a criterion is undefined.

        Raises:
            StudyError: If the report lacks a criterion.
        """
        missing = [name for name in self.criteria if name not in report.criteria]
        if missing:
            raise StudyError(
                f"evaluation {report.evaluation} has no {missing[0]!r}, which objective"
                f" {self.name!r} reads: another version trained it; use one version everywhere"
            )
        return self.formula({name: report.criteria[name] for name in self.criteria})

    def value(self, reports: Sequence[Report], counted: Counted = "last") -> float:
        """Value of a finished run: the median of its last five scores, or of all if fewer.

        Args:
            reports: The run's reports in order, at least one.
            counted: ``best`` for the maximum over all reports instead, as in the published
                protocol. It rewards noise: on the published NYU-Depth-v2 curve the best of 334
                evaluations is 3.6 mIoU above their plateau.

        Returns:
            The value, or NaN if one of those scores is undefined.
        """
        assert reports, "a run without a report has no value"
        first = 0 if counted == "best" else -LAST_EVALUATIONS
        scores = [self.score(report) for report in reports[first:]]
        if not all(map(math.isfinite, scores)):
            return math.nan
        return max(scores) if counted == "best" else statistics.median(scores)

    def value_text(self, counted: Counted) -> str:
        """How a run's value is computed, in one phrase."""
        return {
            "last": f"median of the last {LAST_EVALUATIONS} scores on val",
            "best": "maximum of all scores on val",
        }[counted]
