"""Would the pruner have stopped one of the best trials?"""

import dataclasses
from typing import Any

from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.health.fixes import launch_like, show
from search.reporting.measures import full_runs
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import TrialView

__all__ = ["PRUNING"]

#: Share of the full runs that count as the best ones, and the least number of them.
BEST, LEAST_BEST = 0.1, 3
#: Full runs that are replayed: the first ones.
MOST_RUNS = 300
#: Stands for "no trial is immune".
NEVER = {"immune_first": 0, "immune_every": 10**9}


def examine(details: StudyDetails) -> Finding:
    """Replay the pruner over the full runs, in the order of their numbers."""
    first = sorted(trial.number for trial in full_runs(details.view))[:MOST_RUNS]
    runs = tuple(trial for trial in full_runs(details.view) if trial.number in set(first))
    name = details.setting("search.pruner")
    if name == "none":
        return passed("no pruner: every healthy trial ran to its end")
    if len(runs) < 2 * LEAST_BEST:
        return warned("not known: too few full runs to replay", show(details))
    stopped = _stopped(details, runs)
    if stopped is None:
        return warned("not known: another version of this program set the pruner", show(details))
    best = [trial.number for trial in runs[: max(LEAST_BEST, round(BEST * len(runs)))]]
    lost = [number for number in best if number in stopped]
    line = f"replayed over {len(runs)} full runs, {name} would have stopped"
    if not lost:
        return passed(f"{line} {len(stopped)}, none of them among the best {len(best)}")
    shown = ", ".join(map(str, lost))
    line = f"{line} {len(stopped)}, among them {shown} of the best {len(best)}"
    fix = launch_like(details, "--pruner", "none")
    return failed(line, fix) if best[0] in stopped else warned(line, fix)


def _stopped(details: StudyDetails, runs: tuple[TrialView, ...]) -> set[int] | None:
    """Numbers of the full runs that the pruner would have stopped; None if it is unknown."""
    # lazily: pruners import Optuna, and health checks are also part of JSON output
    from optuna.trial import TrialState, create_trial

    from search.driver.in_memory_study import InMemoryStudy
    from search.errors import SearchError
    from search.pruners import build_pruner
    from search.records.outcome import Prune, TrialEnd
    from trainer.errors import TrainerError

    evaluations = int(details.setting("evaluation.evaluations") or 0)
    options = details.setting("search.pruner_options") or {}
    try:
        built: Any = build_pruner(str(details.setting("search.pruner")), evaluations, options)
    except (SearchError, TrainerError):
        return None
    fields = {field.name for field in dataclasses.fields(built)}
    pruner = dataclasses.replace(
        built, **{name: value for name, value in NEVER.items() if name in fields}
    )
    memory = InMemoryStudy(details.view.name)
    stopped = set()
    for trial in sorted(runs, key=lambda trial: trial.number):
        number = memory.add(create_trial(state=TrialState.RUNNING))
        for step, score in sorted(trial.scores.items()):
            memory.report(number, step, score)
            if trial.number not in stopped and isinstance(
                pruner.decide(memory.study, memory.trial(number)), Prune
            ):
                stopped.add(trial.number)
        end = TrialEnd(state=TrialState.COMPLETE, value=trial.value, attributes={}, constraint=0.0)
        memory.finish(number, end)
    return stopped


PRUNING = HealthCheck(
    name="pruning", title="Would pruning have lost a top trial?", examine=examine
)
