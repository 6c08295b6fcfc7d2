"""Collapse rules: always on, without labels, and based only on a run's own reports.

A collapsed run puts nearly all pixels into one cluster, or gives nearly all pixels the same code.
``python -m benchmarks.collapse`` chose the thresholds on one recorded search, and measures how
well they work on others (``docs/collapse.md``). The effective rank of the centred code covariance
is deliberately not an indicator: of 115 recorded runs it called 50 healthy ones collapsed,
including 7 of the 10 best.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from search.errors import SettingsError
from search.objectives import Objective
from search.records.outcome import Keep, Prune, Verdict
from trainer.records import Report

__all__ = ["CollapseRules"]


@dataclass(frozen=True, kw_only=True)
class CollapseRules:
    """Thresholds of the collapse indicators."""

    #: Entropy of cluster use over log n, from 0 to 1: collapsed below it.
    entropy_floor: float = 0.02
    #: Share of the pixels in the largest cluster, from 0 to 1: collapsed above it.
    share_ceiling: float = 0.98
    #: Mean cosine of pairs of codes, from -1 to 1: collapsed above it.
    cosine_ceiling: float = 0.98
    #: Share of the run, from 0 to 1, before which evaluations are ignored.
    warm_up: float = 0.1
    #: Iterations before which evaluations are ignored, however short the run: the cluster probe
    #: starts from random centres, and nearly all tokens are assigned to one of them.
    least_iterations: int = 10
    #: Consecutive evaluations that must show the same indicator.
    in_a_row: int = 3

    def __post_init__(self) -> None:
        for name, low in (
            ("entropy_floor", 0.0),
            ("share_ceiling", 0.0),
            ("cosine_ceiling", -1.0),
            ("warm_up", 0.0),
        ):
            if not low <= getattr(self, name) <= 1:
                raise SettingsError(
                    f"collapse rule {name} = {getattr(self, name):g} is out of range:"
                    f" give a number from {low:g} to 1"
                )
        if self.least_iterations < 0:
            raise SettingsError(
                f"collapse rule least_iterations = {self.least_iterations}: give 0 or more"
            )
        if self.in_a_row < 1:
            raise SettingsError(
                f"collapse rule in_a_row = {self.in_a_row} is too small: give 1 or more"
            )

    def verdict(
        self, reports: Sequence[Report], evaluations: int, objective: Objective
    ) -> Verdict:
        """Decide after the last report.

        A loss, code or score that is not finite ends the run at once: the run cannot recover, so
        neither ``warm_up`` nor ``in_a_row`` applies. Every other indicator must persist for
        ``in_a_row`` evaluations, all of them after the warm-up.

        Args:
            reports: All reports of the run so far, in order.
            evaluations: Evaluations E of a full run.
            objective: What the study maximises; its score must be finite.
        """
        if not reports:
            return Keep()
        broken = _not_finite(reports[-1], objective)
        if broken is not None:
            return Prune(kind="collapsed", reason=broken)
        row = reports[-self.in_a_row :]
        if len(row) < self.in_a_row or not self._is_warm(row[0], evaluations):
            return Keep()
        shown = [self._indicators(report) for report in row]
        for name, sentence in shown[-1].items():
            if all(name in others for others in shown):
                return Prune(kind="collapsed", reason=f"{sentence} at {_when(row)}")
        return Keep()

    def _is_warm(self, report: Report, evaluations: int) -> bool:
        late = report.evaluation >= self.warm_up * evaluations
        return late and report.iteration >= self.least_iterations

    def _indicators(self, report: Report) -> dict[str, str]:
        """The collapse indicators that the report shows, each with a sentence of its figures."""
        signals, shown = report.signals, {}
        if signals.largest_share > self.share_ceiling:
            shown["share"] = (
                f"largest cluster holds {_percent(signals.largest_share)} of the pixels"
                f" (over {_percent(self.share_ceiling)})"
            )
        if signals.cluster_entropy < self.entropy_floor:
            shown["entropy"] = (
                f"entropy of cluster use is {_percent(signals.cluster_entropy)} of its maximum"
                f" (under {_percent(self.entropy_floor)})"
            )
        if signals.mean_cosine > self.cosine_ceiling:
            shown["cosine"] = (
                f"mean cosine of codes is {signals.mean_cosine:.3f} (over {self.cosine_ceiling:g})"
            )
        return shown


def _not_finite(report: Report, objective: Objective) -> str | None:
    """A sentence that names what is not a finite number, or None."""
    signals = report.signals
    if not signals.finite:
        what = "a loss or a code"
    elif not math.isfinite(report.loss):
        what = "the training loss"
    elif not math.isfinite(objective.score(report)):
        what = "the score"
    elif not math.isfinite(signals.largest_share + signals.cluster_entropy + signals.mean_cosine):
        what = "a collapse indicator"
    else:
        return None
    return f"{what} is not a finite number at evaluation {report.evaluation}"


def _percent(share: float) -> str:
    """``0.9624`` as ``96.2 %``, ``0.9`` as ``90 %``."""
    return f"{round(100 * share, 1):g} %"


def _when(row: Sequence[Report]) -> str:
    """The evaluations in words, such as ``evaluations 3 and 4``."""
    *first, last = [str(report.evaluation) for report in row]
    return f"evaluations {', '.join(first)} and {last}" if first else f"evaluation {last}"
