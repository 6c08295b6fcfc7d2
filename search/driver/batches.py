"""Writes that are stored together, as the rows that they become."""

from collections.abc import Mapping, Sequence

from search.driver.writes import AddTrial, Batchable, EndTrial, StoreReport
from search.records.attempts import first_attempt
from search.records.outcome import end_attributes
from search.records.stored_checkpoint import CHECKPOINTS_ATTRIBUTE
from search.records.stored_trial import CANONICAL_ATTRIBUTE, end_mark
from storage.trial_batch import NewTrial, TrialBatch

__all__ = ["make_batch"]


def make_batch(writes: Sequence[Batchable], *, study: str, ids: Mapping[int, int]) -> TrialBatch:
    """The rows of some writes, which follow each other in the write queue.

    Args:
        writes: The writes.
        study: The study's name.
        ids: Ids of its stored trials in Optuna's tables, by number.

    Raises:
        KeyError: If a write is about a trial that is not stored.
    """
    batch = TrialBatch()
    for write in writes:
        match write:
            case AddTrial():
                batch.added.append(_new_trial(write))
            case StoreReport():
                _take_report(batch, write, study=study, trial_id=ids[write.trial])
            case EndTrial():
                _take_end(batch, write, study=study, trial_id=ids[write.trial])
    return batch


def _new_trial(write: AddTrial) -> NewTrial:
    return NewTrial(
        number=write.trial,
        parameters=write.parameters,
        system_attributes=first_attempt(write.epoch, "new"),
        user_attributes={CANONICAL_ATTRIBUTE: dict(write.canonical)},
    )


def _take_report(batch: TrialBatch, write: StoreReport, *, study: str, trial_id: int) -> None:
    evaluation = write.report.evaluation
    batch.changed.add(trial_id)
    batch.reports.append(
        {
            "study": study,
            "trial": write.trial,
            "evaluation": evaluation,
            "payload": write.report.to_json(),
        }
    )
    if write.stored is not None:
        stored = [checkpoint.to_json() for checkpoint in write.stored]
        batch.system_attributes[trial_id, CHECKPOINTS_ATTRIBUTE] = stored
    if write.score is not None:
        batch.scores[trial_id, evaluation] = write.score


def _take_end(batch: TrialBatch, write: EndTrial, *, study: str, trial_id: int) -> None:
    end = write.end
    mark = end_mark(study, write.trial, end.state, end.value)
    user, system = end_attributes(end, mark)
    batch.changed.add(trial_id)
    batch.user_attributes |= {(trial_id, key): item for key, item in user.items()}
    batch.system_attributes |= {(trial_id, key): item for key, item in system.items()}
    batch.ends[trial_id] = (end.state, end.value)
