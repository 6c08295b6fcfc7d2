"""The pictures of a trial, as Optuna and its dashboard record artifacts.

Optuna records an artifact in a system attribute of its trial. These cannot change after the trial
has ended, so the pictures are stored before the end, and recorded with it.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "PLACES_ATTRIBUTE",
    "StoredPicture",
    "artifact_attributes",
    "picture_id",
    "pictures_of",
    "places_of",
]

#: System attribute of the study: where its pictures are, oldest first.
PLACES_ATTRIBUTE = "unim2:pictures"
#: Prefix of the keys of Optuna's records of artifacts.
ARTIFACT_PREFIX = "artifacts:"
PNG = "image/png"
NAMESPACE = uuid.UUID("00cbec9b-2e19-4c14-b24d-ad0fe68cf863")


@dataclass(frozen=True, kw_only=True)
class StoredPicture:
    """One picture in an artifact store."""

    #: Its name there: the dashboard takes only UUIDs.
    artifact: str
    #: Its name for people, such as ``grid.png``.
    file: str


def picture_id(study: str, trial: int, file: str) -> str:
    """The name of a picture in an artifact store.

    It is the same for every attempt at a trial, so that a second one replaces the first one's
    picture.

    Args:
        study: The study's name in paths, which no other study has.
        trial: Number of the trial.
        file: The picture's name for people.
    """
    return str(uuid.uuid5(NAMESPACE, f"{study}/{trial}/{file}"))


def artifact_attributes(pictures: Sequence[StoredPicture]) -> dict[str, str]:
    """The system attributes that record pictures, as ``optuna.artifacts`` writes them."""
    return {
        f"{ARTIFACT_PREFIX}{picture.artifact}": json.dumps(
            {
                "artifact_id": picture.artifact,
                "filename": picture.file,
                "mimetype": PNG,
                "encoding": None,
            }
        )
        for picture in pictures
    }


def pictures_of(attributes: Mapping[str, Any]) -> tuple[StoredPicture, ...]:
    """The pictures among a trial's system attributes, whoever stored them, by file name."""
    found = []
    for key, value in attributes.items():
        if key.startswith(ARTIFACT_PREFIX) and isinstance(value, str):
            record = json.loads(value)
            if isinstance(record, dict) and record.get("mimetype") == PNG:
                artifact = key.removeprefix(ARTIFACT_PREFIX)
                found.append(StoredPicture(artifact=artifact, file=str(record.get("filename"))))
    return tuple(sorted(found, key=lambda picture: picture.file))


def places_of(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Where the pictures of a study are, from its system attributes; the newest place first."""
    stored = attributes.get(PLACES_ATTRIBUTE)
    if not isinstance(stored, list):
        return ()
    return tuple(place for place in reversed(stored) if isinstance(place, str))
