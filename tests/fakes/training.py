"""A trainer that computes nothing: learning curves as a function of hyper-parameters and seed."""

import io
import json
import math
from pathlib import Path

from search.checkpoints.artifact_store import ArtifactCheckpointStore
from search.checkpoints.resume_points import furthest_first
from search.records.jobs import Job
from search.records.messages import (
    Begin,
    Continue,
    DrawPictures,
    OnTest,
    Order,
    PicturesDrawn,
    Reported,
    Task,
)
from search.records.stored_checkpoint import StoredCheckpoint
from search.records.stored_picture import StoredPicture, picture_id
from search.workers.picture_maker import PicturePlace
from storage.artifact_places import open_artifacts
from trainer.engine.checkpoint import read_record, write_checkpoint
from trainer.errors import CheckpointError
from trainer.figures.quick.sheet import Sheet
from trainer.records import CollapseIndicators, Report, Scores
from trainer.seeds import numpy_generator

NAN = math.nan
ITERATIONS_A_REPORT = 10


def fake_report(hyper: dict[str, float], seed: int, evaluation: int) -> Report:
    """The evaluation of a run: rises to a level set by the hyper-parameters, or collapses."""
    noise = float(numpy_generator(seed, "noise", evaluation).normal())
    distance = sum((value - 0.5) ** 2 for value in list(hyper.values())[:6])
    level = 40 * math.exp(-distance) * (1 - math.exp(-evaluation / 3)) + 0.3 * noise
    collapsed = hyper.get("b_self", 1.0) < 0.1
    scores = Scores(miou=max(level, 0.0), miou_all=max(level, 0.0), accuracy=max(level, 0.0))
    return Report(
        evaluation=evaluation,
        iteration=evaluation * ITERATIONS_A_REPORT,
        loss=-level,
        cluster=scores,
        linear=scores,
        signals=CollapseIndicators(
            cluster_entropy=0.01 if collapsed else 0.9,
            largest_share=0.99 if collapsed else 0.3,
            mean_cosine=0.2,
            finite=True,
        ),
    )


class FakeWorker:
    """Carries out orders like ``search.workers.worker.Worker``, checkpoints to JSON files.

    With an artifact store it leaves whole checkpoints, without tensors, there as well.
    """

    def __init__(
        self,
        artifact_store: ArtifactCheckpointStore | None = None,
        pictures: PicturePlace | None = None,
    ) -> None:
        self._artifact_store, self._pictures = artifact_store, pictures
        self._task: Task | None = None
        self._reports: list[Report] = []
        self.evaluations_made = 0

    def answer(self, order: Order) -> Reported | PicturesDrawn:
        """What comes of any order."""
        return self._draw() if isinstance(order, DrawPictures) else self.advance(order)

    def advance(self, order: Begin | Continue) -> Reported:
        match order:
            case Begin(task=Task(job=Job(kind="test")) as task):
                return self._score_on_test(task)
            case Begin(task=task):
                self._task, self._reports = task, self._found(task)
                if self._reports:
                    return self._answer(tuple(self._reports))
                return self._train()
            case Continue():
                return self._train()

    @property
    def task(self) -> Task:
        assert self._task is not None
        return self._task

    def _train(self) -> Reported:
        report = fake_report(self.task.params, self.task.seed, len(self._reports) + 1)
        self._reports.append(report)
        self.evaluations_made += 1
        folder = Path(self.task.folder)
        if self._artifact_store is None:
            self._save(folder)
            return self._answer((report,))
        write_checkpoint(folder, {}, {"reports": [report.to_json() for report in self._reports]})
        place, evaluation = self.task.place, report.evaluation
        return self._answer(
            (report,), self._artifact_store.put(folder, attempt=place, evaluation=evaluation)
        )

    def _draw(self) -> PicturesDrawn:
        """One picture, which has a file only with a place for it."""
        file, place = "grid.png", self._pictures
        artifact = picture_id("" if place is None else place.study, self.task.trial, file)
        if place is not None:
            sheet = Sheet(300, 100)
            sheet.text((10, 10), f"trial {self.task.trial}")
            open_artifacts(place.place).write(artifact, io.BytesIO(sheet.png(100)))
        return PicturesDrawn(pictures=(StoredPicture(artifact=artifact, file=file),))

    def _score_on_test(self, task: Task) -> Reported:
        """The checkpoint's last scores on val, as if the two splits were one."""
        self._task, self._reports = task, []
        found = self._found(task)
        if not found:
            raise CheckpointError("its checkpoint is missing")
        on_test = OnTest(cluster=found[-1].cluster, linear=found[-1].linear)
        return Reported(job=task.job, attempt=task.attempt, reports=(), on_test=on_test)

    def _found(self, task: Task) -> list[Report]:
        if self._artifact_store is None:
            return self._furthest(task.earlier)
        for source in furthest_first(task.earlier, task.stored, self._artifact_store)[0]:
            with source.opened() as folder:
                return [Report.from_json(item) for item in read_record(folder)["reports"]]
        return []

    def _save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / "checkpoint.json.partial"
        partial.write_text(json.dumps([report.to_json() for report in self._reports]))
        partial.replace(folder / "checkpoint.json")

    def _furthest(self, folders: tuple[str, ...]) -> list[Report]:
        found: list[Report] = []
        for folder in folders:
            path = Path(folder) / "checkpoint.json"
            if path.exists():
                reports = [Report.from_json(item) for item in json.loads(path.read_text())]
                found = max(found, reports, key=len)
        return found

    def _answer(
        self, reports: tuple[Report, ...], checkpoint: StoredCheckpoint | None = None
    ) -> Reported:
        return Reported(
            job=self.task.job,
            attempt=self.task.attempt,
            reports=reports,
            checkpoint=checkpoint,
        )
