"""The printer for scripts: studies and trials as JSON."""

import datetime
from collections.abc import Mapping
from typing import Any

from search.quality.assessment import Assessment
from search.quality.audit import CONFIDENCE, Audit
from search.quality.confirmed import Confirmed, Repeated
from search.quality.expected import Expected
from search.reporting.canonical import with_canonical
from search.reporting.compared_studies import Compared, Comparison
from search.reporting.measures import ended_compute, outcome_of
from search.reporting.study_details import StudyDetails, TrialDetails
from search.reporting.study_view import StudyView, TrialView

__all__ = [
    "assessed_best_json",
    "assessment_json",
    "best_json",
    "comparison_json",
    "compute_json",
    "results_json",
    "study_json",
    "trial_details_json",
    "trial_json",
]


def study_json(view: StudyView, assessment: Assessment | None = None) -> dict[str, Any]:
    """The state of a study, its counts, its best trial, and how far that can be trusted."""
    counts = view.counts
    return {
        "study": view.name,
        "state": view.state,
        "driver": view.driver,
        "target": view.target,
        "objective": view.objective,
        "protocol": view.protocol,
        "created_at": view.created_at.astimezone(datetime.UTC).isoformat(),
        "finished": counts.finished,
        "complete": counts.complete,
        "pruned": {"collapsed": counts.collapsed, "behind": counts.behind},
        "failed": counts.failed,
        "foreign": counts.foreign,
        "imported": counts.imported,
        "running": counts.running,
        "waiting": counts.waiting,
        "queued": view.queued,
        "best": None if view.best is None else best_json(view.best),
        "test": view.test,
        "compute": compute_json(view),
        **assessment_json(assessment),
    }


def best_json(trial: TrialView) -> dict[str, Any]:
    """Number, value and hyper-parameters of a trial."""
    return {"trial": trial.number, "value": trial.value, "params": dict(trial.params)}


def assessed_best_json(
    view: StudyView, best: TrialView, assessment: Assessment | None
) -> dict[str, Any]:
    """The best trial, what finding it took, and how far its value can be trusted."""
    return {
        **best_json(best),
        "test": view.test,
        "compute": compute_json(view),
        **assessment_json(assessment),
    }


def compute_json(view: StudyView) -> dict[str, Any]:
    """Iterations that ended trials trained and planned, in all and by outcome."""
    found = ended_compute(view)
    return {
        "trained": sum(each.trained for each in found.values()),
        "planned": sum(each.planned for each in found.values()),
        "by_outcome": {
            outcome: {"trials": each.trials, "trained": each.trained, "planned": each.planned}
            for outcome, each in found.items()
        },
    }


def assessment_json(assessment: Assessment | None) -> dict[str, Any]:
    """The three numbers; each is None if there is none, and a phrase says why none is expected."""
    numbers: dict[str, Any] = {
        "claimed": None,
        "expected": None,
        "confirmed": None,
        "audit": None,
        "warnings": [],
    }
    if assessment is None:
        return numbers
    numbers["claimed"] = {"trial": assessment.trial, "value": assessment.claimed}
    match assessment.expected:
        case Expected() as expected:
            numbers["expected"] = {
                "trial": expected.trial,
                "value": expected.mean,
                "interval": [expected.low, expected.high],
                "noise": expected.noise,
                "trials": expected.trials,
            }
        case not_expected:
            numbers["not_expected"] = not_expected.reason
    if assessment.confirmed is not None:
        numbers["confirmed"] = _confirmed_json(assessment.confirmed, assessment.test)
    match assessment.audit:
        case Audit() as audit:
            numbers["audit"] = _audit_json(audit)
        case not_audited:
            numbers["not_audited"] = not_audited.reason
    numbers["warnings"] = list(assessment.warnings)
    return numbers


def _confirmed_json(found: Confirmed, test: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        **_repeated_json(found.best),
        "held_out": found.held_out,
        "not_worse": list(found.not_worse),
        "finalists": [_repeated_json(each) for each in found.finalists],
        "references": {name: _repeated_json(each) for name, each in found.references.items()},
        "chosen_by": found.chosen_by,
        "runs": {"done": found.done, "planned": found.planned},
        "below": list(found.below()),
        "test": None if test is None else dict(test),
    }


def _audit_json(audit: Audit) -> dict[str, Any]:
    return {
        "pruner": audit.pruner,
        "runs": audit.runs,
        "unjudged": audit.unjudged,
        "stopped": list(audit.stopped),
        "lost": list(audit.lost),
        "bound": audit.bound,
        "confidence": CONFIDENCE,
        "cost": audit.cost,
    }


def _repeated_json(runs: Repeated) -> dict[str, Any]:
    return {
        "trial": runs.trial if runs.trial >= 0 else None,
        "value": runs.mean,
        "interval": None if runs.interval is None else list(runs.interval),
        "values": {str(seed): value for seed, value in runs.values.items()},
        "failed": runs.failed,
        "collapsed": runs.collapsed,
    }


def trial_json(trial: TrialView) -> dict[str, Any]:
    """A trial; times are in the local time of its driver."""
    return {
        "trial": trial.number,
        "state": trial.state,
        "outcome": outcome_of(trial),
        "value": trial.value,
        "params": dict(trial.params),
        "canonical": dict(trial.canonical),
        "reason": trial.reason,
        "queued": trial.queued,
        "imported": trial.imported,
        "attempts": list(trial.attempts),
        "started": None if trial.started_at is None else trial.started_at.isoformat(),
        "ended": None if trial.ended_at is None else trial.ended_at.isoformat(),
        "criteria": dict(trial.figures),
        "class_iou": dict(trial.class_iou),
        "scores": {str(step): score for step, score in sorted(trial.scores.items())},
    }


def trial_details_json(found: TrialDetails) -> dict[str, Any]:
    """A trial with its reports, and the default values to compare it with."""
    return {
        "study": found.view.name,
        "objective": found.view.objective,
        **trial_json(found.trial),
        "defaults": found.view.defaults,
        "traceback": found.trial.traceback,
        "reports": [each.to_json() for each in found.reports],
    }


def comparison_json(found: Comparison) -> dict[str, Any]:
    """Studies side by side."""
    return {
        "equal_budgets": not found.unequal,
        "unequal": list(found.unequal),
        "objectives": list(found.objectives),
        "equal_iterations": found.equal_iterations,
        "notes": list(found.notes),
        "studies": [_compared_json(each) for each in found.studies],
    }


def _compared_json(compared: Compared) -> dict[str, Any]:
    details = compared.details
    return {
        **study_json(details.view, details.assessment),
        "iterations": compared.iterations,
        "trials_in_common": compared.in_common,
        "iterations_of_a_full_run": details.setting("training.iterations"),
        "best_at_equal_iterations": compared.best_at_equal,
        "seed": details.view.seed,
        "revision": details.revision,
    }


def results_json(details: StudyDetails) -> dict[str, Any]:
    """A study with all its trials, their reports, and where they come from."""
    return {
        **study_json(details.view),
        "config": details.view.config,
        "seed": details.view.seed,
        "versions": details.versions,
        "revision": details.revision,
        "fingerprints": details.fingerprints,
        "attributes": details.attributes,
        "trials": [
            {
                **trial_json(trial),
                "reports": [each.to_json() for each in details.reports.get(trial.number, ())],
            }
            for trial in with_canonical(details.view).trials
        ],
    }
