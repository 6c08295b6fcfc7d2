"""Keys of jobs, and the folders of their checkpoints."""

from pathlib import Path

import pytest

from search.checkpoints.folders import CheckpointStore
from search.records.jobs import Job


@pytest.mark.parametrize(
    ("job", "key", "folder"),
    [
        (Job("trial", 12), "trial/12", "trial-00012/attempt-2-epoch-5"),
        (Job("test", 12), "test/12", "test-00012/attempt-2-epoch-5"),
        (
            Job("confirm", 12, seed=3),
            "confirm/12/seed-3",
            "confirm-00012-seed-3/attempt-2-epoch-5",
        ),
    ],
)
def test_a_key_names_a_job_and_its_folder(tmp_path: Path, job: Job, key: str, folder: str) -> None:
    store = CheckpointStore(root=tmp_path, study="study", identity="here")
    assert str(job) == key
    assert store.attempt_folder(job, 2, 5) == store.folder / folder


def test_jobs_of_one_trial_keep_their_checkpoints_apart(tmp_path: Path) -> None:
    store = CheckpointStore(root=tmp_path, study="study", identity="here")
    jobs = [Job("trial", 12), Job("confirm", 12, seed=1), Job("confirm", 12, seed=2)]
    for job in jobs:
        folder = store.attempt_folder(job, 1, 1)
        folder.mkdir(parents=True)
        (folder / "checkpoint.json").touch()
    store.discard(jobs[1])
    assert [bool(store.attempts(job)) for job in jobs] == [True, False, True]
