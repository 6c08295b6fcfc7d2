"""Checkpoints in an artifact store: another node resumes from them, even if some are damaged."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from search.checkpoints.artifact_store import ArtifactCheckpointPlace, ArtifactCheckpointStore
from search.records.jobs import Job
from search.records.messages import Begin, Continue, Crashed, Reported, Task
from search.records.stored_checkpoint import StoredCheckpoint
from search.workers import worker
from storage.artifact_places import open_artifacts
from storage.artifacts import ArtifactStore
from storage.errors import ArtifactFailure
from tests.fakes.hosted_worker import HostedWorker
from tests.unit.trainer.small import small_config, small_dataset_features
from trainer.records import Report

EVALUATIONS = 4


@pytest.fixture
def hosted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], HostedWorker]:
    """Workers of one study, each as if on its own node."""
    dataset_features = small_dataset_features()
    monkeypatch.setattr(worker, "open_dataset_features", lambda folder: dataset_features)
    config = small_config(training={"iterations": 8})
    evaluation = replace(config.evaluation, evaluations=EVALUATIONS)
    artifact_store = ArtifactCheckpointPlace(place=str(tmp_path / "artifacts"), study="study")
    setup = worker.WorkerSetup(
        config=replace(config, evaluation=evaluation),
        feature_cache="",
        device="cpu",
        artifact_store=artifact_store,
    )
    return lambda: HostedWorker(setup)


def task(tmp_path: Path, attempt: int, *stored: StoredCheckpoint) -> Task:
    folder = tmp_path / "checkpoints" / "trial-00007"
    return Task(
        job=Job("trial", 7),
        attempt=attempt,
        params={},
        seed=3,
        folder=str(folder / f"attempt-{attempt}-epoch-1"),
        earlier=tuple(str(folder / f"attempt-{n}-epoch-1") for n in range(1, attempt)),
        stored=stored,
    )


def run_to(
    hosted: HostedWorker, task: Task, until: int
) -> tuple[list[Report], list[StoredCheckpoint]]:
    """All reports, and the checkpoints left, the newest first."""
    answer = hosted.advance(Begin(task=task))
    reports, left = list(answer.reports), [answer.checkpoint]
    while len(reports) < until:
        answer = hosted.advance(Continue())
        reports += answer.reports
        left.append(answer.checkpoint)
    return reports, [checkpoint for checkpoint in reversed(left) if checkpoint is not None]


def leave_node(tmp_path: Path) -> None:
    """The node is lost, with its folder of checkpoints."""
    shutil.rmtree(tmp_path / "checkpoints")


def test_another_node_resumes_from_the_artifact_store(
    tmp_path: Path, hosted: Callable[[], HostedWorker]
) -> None:
    undisturbed, _ = run_to(hosted(), task(tmp_path, 1), EVALUATIONS)
    leave_node(tmp_path)
    reports, left = run_to(hosted(), task(tmp_path, 1), 3)
    assert [checkpoint.evaluation for checkpoint in left] == [3, 2, 1]
    assert left[0].place == "trial-00007/attempt-1-epoch-1/evaluation-0003"
    leave_node(tmp_path)
    other = hosted()
    answer = other.advance(Begin(task=task(tmp_path, 2, *left[:2])))
    assert answer.reports == tuple(reports) and answer.notes == ()
    assert other.advance(Continue()).reports == (undisturbed[3],)


def spoil(tmp_path: Path, checkpoint: StoredCheckpoint, what: str) -> None:
    folder = tmp_path / "artifacts" / "study" / checkpoint.place
    tensors, record = folder / "state.safetensors", folder / "checkpoint.json"
    data = tensors.read_bytes()
    if what == "changed tensors":
        tensors.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif what == "cut tensors":
        tensors.write_bytes(data[: len(data) // 2])
    elif what == "no tensors":
        tensors.unlink()
    elif what == "cut record":
        record.write_bytes(record.read_bytes()[:-20])
    elif what == "empty record":
        record.write_bytes(b"")
    elif what == "a record of another":
        record.write_bytes((folder.with_name("evaluation-0001") / "checkpoint.json").read_bytes())
    elif what == "nothing":
        shutil.rmtree(folder)


SPOILT = [
    "changed tensors", "cut tensors", "no tensors", "cut record", "empty record",
    "a record of another", "nothing",
]  # fmt: skip


@pytest.mark.parametrize("what", SPOILT)
def test_a_damaged_checkpoint_is_skipped_for_the_one_before(
    tmp_path: Path, hosted: Callable[[], HostedWorker], what: str
) -> None:
    reports, left = run_to(hosted(), task(tmp_path, 1), 3)
    spoil(tmp_path, left[0], what)
    leave_node(tmp_path)
    answer = hosted().advance(Begin(task=task(tmp_path, 2, *left[:2])))
    assert answer.reports == tuple(reports[:2])
    assert (
        len(answer.notes) == 1
        and "skipped a checkpoint" in answer.notes[0]
        and "\n" not in answer.notes[0]
    )
    shutil.rmtree(tmp_path / "artifacts")
    answer = hosted().advance(Begin(task=task(tmp_path, 3, *left[:2])))
    assert answer.reports == (reports[0],), "from zero"
    assert len(answer.notes) == 2


def test_a_folder_that_is_there_is_not_fetched(
    tmp_path: Path, hosted: Callable[[], HostedWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    reports, left = run_to(hosted(), task(tmp_path, 1), 2)

    def fetch(
        artifact_store: ArtifactCheckpointStore, stored: StoredCheckpoint, folder: Path
    ) -> None:
        raise AssertionError("the store was asked, although the checkpoint is here")

    monkeypatch.setattr(ArtifactCheckpointStore, "fetch", fetch)
    assert hosted().advance(Begin(task=task(tmp_path, 2, *left))).reports == tuple(reports)


def test_a_failing_store_is_reported_once_and_fails_no_trial(
    tmp_path: Path, hosted: Callable[[], HostedWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, _ = run_to(hosted(), task(tmp_path, 1), EVALUATIONS)
    leave_node(tmp_path)
    shutil.rmtree(tmp_path / "artifacts")
    artifacts = type(open_artifacts(str(tmp_path)))
    real, full = artifacts.write, False

    def write(store: ArtifactStore, name: str, body: BinaryIO) -> None:
        if full:
            raise ArtifactFailure("No space left on device")
        real(store, name, body)

    monkeypatch.setattr(artifacts, "write", write)
    node = hosted()
    answers = [node.advance(Begin(task=task(tmp_path, 1)))]
    for is_full in (True, True, False):
        full = is_full
        answers.append(node.advance(Continue()))
    assert [answer.reports[0] for answer in answers] == undisturbed
    left = [answer.checkpoint and answer.checkpoint.evaluation for answer in answers]
    assert left == [1, None, None, 4]
    assert [answer.notes for answer in answers if answer.notes] == [
        (
            "trial 7: no checkpoint of evaluation 2: No space left on device;"
            " the previous one is kept",
        )
    ]


def test_a_local_disk_that_is_full_costs_no_trial(
    tmp_path: Path, hosted: Callable[[], HostedWorker]
) -> None:
    (tmp_path / "checkpoints").write_text("in the way")
    node = hosted()
    answers: list[Reported] = [node.advance(Begin(task=task(tmp_path, 1)))]
    answers.append(node.advance(Continue()))
    assert [answer.reports[0].evaluation for answer in answers] == [1, 2]
    assert "no checkpoint of evaluation 1: cannot write" in answers[0].notes[0]
    assert answers[1].notes == () and answers[1].checkpoint is None


def test_the_best_trial_is_tested_from_the_artifact_store_without_its_folder(
    tmp_path: Path, hosted: Callable[[], HostedWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, left = run_to(hosted(), task(tmp_path, 1), EVALUATIONS)
    folder = task(tmp_path, 1).folder
    here = hosted()
    features = here.worker._dataset_features
    object.__setattr__(features, "test", features.val)
    test = replace(task(tmp_path, 1, left[0]), job=Job("test", 7), folder=str(tmp_path / "unused"))
    scores = here.advance(Begin(task=replace(test, earlier=(folder,)))).on_test
    assert scores is not None
    leave_node(tmp_path)
    assert here.advance(Begin(task=test)).on_test == scores
    spoil(tmp_path, left[0], "no tensors")
    answer = here.answer(Begin(task=test))
    assert isinstance(answer, Crashed) and answer.reason.startswith("CheckpointError: ")
