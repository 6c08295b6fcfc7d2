"""Draws the pictures of the runs of a worker, and stores them.

A picture never costs a trial: whatever fails here is one line for the user.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from search.errors import first_line
from search.records.messages import PicturesDrawn
from search.records.stored_picture import StoredPicture, picture_id
from trainer.engine.run import Run
from trainer.engine.shared_runs import Attempt
from trainer.features import DatasetFeatures

if TYPE_CHECKING:
    from storage.artifacts import Artifacts
    from trainer.figures.trial_pictures import TrialPictures

__all__ = ["PictureMaker", "PicturePlace"]


@dataclass(frozen=True, kw_only=True)
class PicturePlace:
    """Where the pictures of a study are kept; holds no secret."""

    #: A folder, or ``s3://BUCKET/PREFIX``.
    place: str
    #: The study's name in paths.
    study: str


class PictureMaker:
    """Draws pictures; what all runs share is opened with the first one."""

    def __init__(
        self, place: PicturePlace, dataset_features: DatasetFeatures, device: torch.device
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            place: Where to store the pictures.
            dataset_features: The features of all runs.
            device: Where to compute.
        """
        self._place, self._dataset_features, self._device = place, dataset_features, device
        self._opened: tuple[TrialPictures, Artifacts] | None = None
        self._last_problem = ""

    def make(self, run: Run, trial: int) -> PicturesDrawn:
        """Draw and store the pictures of a run that is not trained further.

        Returns:
            Those that are stored, and a warning for the first failure of several alike.
        """
        stored: list[StoredPicture] = []
        with Attempt() as attempt:
            self._make(run, trial, stored)
        problem = "" if self._opened is None else self._opened[0].missing
        if attempt.error is not None:
            problem = f"{type(attempt.error).__name__}: {first_line(attempt.error)}"
        last, self._last_problem = self._last_problem, problem
        quiet = problem in ("", last)
        return PicturesDrawn(
            pictures=tuple(stored),
            notes=() if quiet else (f"trial {trial}: its pictures are incomplete: {problem}",),
        )

    def _make(self, run: Run, trial: int, stored: list[StoredPicture]) -> None:
        """Add each picture to the stored ones when it is."""
        drawn, artifacts = self._open()
        for name, data in drawn.draw(run, f"trial {trial}"):
            file = f"{name}.png"
            artifact = picture_id(self._place.study, trial, file)
            artifacts.write(artifact, io.BytesIO(data))
            stored.append(StoredPicture(artifact=artifact, file=file))

    def _open(self) -> "tuple[TrialPictures, Artifacts]":
        if self._opened is None:
            # lazily: Optuna and boto3 are not needed before the first complete trial
            from storage.artifact_places import open_artifacts
            from trainer.figures.trial_pictures import TrialPictures

            drawn = TrialPictures(self._dataset_features, self._device)
            self._opened = drawn, open_artifacts(self._place.place)
        return self._opened
