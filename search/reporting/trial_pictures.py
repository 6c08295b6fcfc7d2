"""Reads the pictures of a trial from the places where its study keeps them."""

from dataclasses import dataclass

from search.reporting.study_details import StudyDetails
from search.reporting.study_view import TrialView
from storage.errors import ArtifactFailure

__all__ = ["TrialPicture", "read_pictures"]

LARGEST = 2_000_000  # bytes; the pictures of a trial are much smaller, those of others may not be


@dataclass(frozen=True, kw_only=True)
class TrialPicture:
    """One picture of a trial."""

    #: Its name, such as ``grid.png``.
    file: str
    #: A PNG file.
    data: bytes


def read_pictures(
    details: StudyDetails, trial: TrialView
) -> tuple[tuple[TrialPicture, ...], tuple[str, ...]]:
    """The pictures of a trial that can be read.

    Returns:
        The pictures, and a line for each that is missing.
    """
    if not trial.pictures:
        return (), ()
    from storage.artifact_lookup import ArtifactLookup  # lazily: it imports Optuna and boto3

    if not details.picture_places:
        return (), (f"nobody stored where the pictures of trial {trial.number} are",)
    found, lines = [], []
    first, *others = details.picture_places
    lookup = ArtifactLookup(lambda: others, first=first)
    for picture in trial.pictures:
        try:
            with lookup.open_reader(picture.artifact) as reader:
                data = reader.read(LARGEST + 1)
            if len(data) > LARGEST:
                raise ArtifactFailure("it is too large for a report")
        except ArtifactFailure as error:
            lines.append(f"trial {trial.number} is shown without {picture.file}: {error}")
        else:
            found.append(TrialPicture(file=picture.file, data=data))
    return tuple(found), tuple(lines)
