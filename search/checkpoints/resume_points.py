"""Where a run may resume from: the latest sound checkpoint, in a folder or an artifact store."""

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from search.checkpoints.artifact_store import ArtifactCheckpointStore
from search.records.stored_checkpoint import StoredCheckpoint
from storage.errors import ArtifactFailure
from trainer.engine.checkpoint import read_record
from trainer.engine.run import Run
from trainer.errors import CheckpointError

__all__ = ["Source", "folder_source", "furthest_first", "restore_first", "stored_source"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One checkpoint, wherever it lies."""

    #: Evaluations in it.
    evaluations: int
    #: Its folder for the length of a block; a copy that is deleted after it, if it lay elsewhere.
    opened: Callable[[], contextlib.AbstractContextManager[Path]]


def folder_source(folder: Path) -> Source:
    """A checkpoint in a folder of this node, or one that all nodes see.

    Raises:
        CheckpointError: If there is none, or it is damaged.
    """
    evaluations = len(read_record(folder)["reports"])
    return Source(evaluations=evaluations, opened=lambda: contextlib.nullcontext(folder))


def stored_source(stored: StoredCheckpoint, artifact_store: ArtifactCheckpointStore) -> Source:
    """A checkpoint in the artifact store."""

    @contextlib.contextmanager
    def opened() -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="umss-checkpoint-") as scratch:
            artifact_store.fetch(stored, Path(scratch))
            yield Path(scratch)

    return Source(evaluations=stored.evaluation, opened=opened)


def furthest_first(
    folders: Iterable[str],
    stored: Iterable[StoredCheckpoint],
    artifact_store: ArtifactCheckpointStore | None,
) -> tuple[list[Source], list[str]]:
    """All checkpoints, those with most evaluations first; and what is wrong with the others.

    Of two that are as far the one in a folder comes first: it has not to be fetched.
    """
    sources: list[Source] = []
    notes: list[str] = []
    for folder in map(Path, folders):
        if not folder.exists():
            continue  # the attempt ended before its first evaluation, or was on another node
        try:
            sources.append(folder_source(folder))
        except CheckpointError as error:
            notes.append(str(error))
    if artifact_store is not None:
        sources += [stored_source(checkpoint, artifact_store) for checkpoint in stored]
    sources.sort(key=lambda source: source.evaluations, reverse=True)
    return sources, notes


def restore_first(
    sources: Iterable[Source], restore: Callable[[Path], Run]
) -> tuple[Run | None, list[str]]:
    """The run of the first checkpoint that is sound, if any; what is wrong with those before."""
    notes: list[str] = []
    for source in sources:
        try:
            with source.opened() as folder:
                return restore(folder), notes
        except (CheckpointError, ArtifactFailure) as error:
            notes.append(str(error))
    return None, notes
