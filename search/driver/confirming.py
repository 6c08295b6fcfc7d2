"""The phases that confirm a finished search: fresh runs of its finalists, then test."""

from dataclasses import dataclass

from search.checkpoints.folders import CheckpointStore
from search.driver.confirm_phase import ConfirmPhase
from search.driver.confirmed_on_test import ConfirmedOnTest
from search.driver.phases import Phase
from search.driver.plan import Plan
from search.driver.retention import CheckpointRetention
from search.driver.trial_queue import TrialQueue
from search.driver.write_queue import WriteQueue
from search.progress.progress import Progress
from search.records.confirmation import Confirmation, ConfirmationPlan
from search.records.jobs import Job
from search.records.stored_checkpoint import StoredCheckpoint

__all__ = ["Confirming", "confirming_phases"]


@dataclass(frozen=True, kw_only=True)
class Confirming:
    """What to confirm, and what is already stored of it."""

    plan: ConfirmationPlan
    stored: Confirmation
    #: How often the test split was scored before.
    readings: int


def confirming_phases(
    confirming: Confirming,
    plan: Plan,
    *,
    trial_queue: TrialQueue,
    write_queue: WriteQueue,
    checkpoints: CheckpointStore,
    retention: CheckpointRetention,
    epoch: int,
    progress: Progress,
) -> tuple[Phase, ...]:
    """The two phases, which share their results.

    Args:
        confirming: What to confirm.
        plan: The plan of the study.
        trial_queue: Where the jobs wait for workers.
        write_queue: Stores the results.
        checkpoints: The checkpoint folders of all attempts.
        retention: Deletes checkpoints that are no longer needed.
        epoch: The lease's epoch.
        progress: Shows events.
    """
    results = dict(confirming.stored.runs)
    kept: dict[Job, tuple[StoredCheckpoint, ...]] = {}
    confirm = ConfirmPhase(
        plan=confirming.plan,
        results=results,
        kept=kept,
        rules=plan.rules,
        seed=plan.seed,
        trial_queue=trial_queue,
        write_queue=write_queue,
        checkpoints=checkpoints,
        retention=retention,
        epoch=epoch,
        progress=progress,
    )
    test = ConfirmedOnTest(
        plan=confirming.plan,
        results=results,
        kept=kept,
        scored=confirming.stored.test,
        readings=confirming.readings,
        trial_queue=trial_queue,
        write_queue=write_queue,
        checkpoints=checkpoints,
        retention=retention,
        epoch=epoch,
        progress=progress,
    )
    return (confirm, test)
