"""Audit the pruner of a stored study by its immune full runs."""

from search.quality.audit import Audit, NotAudited, audit
from search.reporting.measures import full_runs, value_of
from search.reporting.study_view import StudyView

__all__ = ["LEAST_RUNS", "audit_of"]

#: With fewer runs, even no loss says little: the bound is above 39 %.
LEAST_RUNS = 6


def audit_of(view: StudyView) -> Audit | NotAudited:
    """What the pruner would have lost among the full runs that it had to spare.

    The settings stored with the study decide which runs these are, and how they are judged.
    """
    name = str(view.setting("search.pruner"))
    if view.nothing_searched:
        reason = "nothing is searched, so trials are not compared"
        return NotAudited(reason=reason, nothing_to_lose=True)
    if name == "none":
        reason = "without a pruner every healthy trial runs to its end"
        return NotAudited(reason=reason, nothing_to_lose=True)
    if len(full_runs(view)) < LEAST_RUNS:
        return NotAudited(reason=f"fewer than {LEAST_RUNS} complete trials")
    return _replayed(view, name)


def _replayed(view: StudyView, name: str) -> Audit | NotAudited:
    # lazily: pruners import Optuna, and studies are shown without it while they are small
    from search.errors import SearchError
    from search.pruners import SparingPruner, build_pruner
    from search.pruners.replay import FullRun, replay
    from trainer.errors import TrainerError

    evaluations = int(view.setting("evaluation.evaluations") or 0)
    try:
        pruner = build_pruner(name, evaluations, view.setting("search.pruner_options") or {})
    except (SearchError, TrainerError):
        return NotAudited(reason="another version of this program set the pruner")
    if not isinstance(pruner, SparingPruner):
        return NotAudited(
            reason=f"{name} spares no trial, so that no full run shows what it loses"
        )
    runs = full_runs(view)
    timed = [
        FullRun(
            number=run.number,
            value=value_of(run),
            scores=run.scores,
            began=run.started_at,
            ended=run.ended_at,
        )
        for run in runs
        if run.started_at and run.ended_at and run.started_at <= run.ended_at
    ]
    replayed = replay(pruner, timed)
    return audit(
        name,
        {run.number: value_of(run) for run in runs},
        immune=[run.number for run in runs if pruner.is_immune(run.number)],
        judged=replayed.judged,
        stopped=replayed.stopped,
    )
