"""Where a run resumes from: the latest sound checkpoint, in a folder or an artifact store."""

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
    """One checkpoint, in a folder or in an artifact store."""

    #: Number of evaluations in it.
    evaluations: int
    #: Opens its folder until a block ends; for an artifact store a temporary copy.
    opened: Callable[[], contextlib.AbstractContextManager[Path]]


def folder_source(folder: Path) -> Source:
    """A checkpoint in a folder that this node can read.

    Raises:
        CheckpointError: If the folder holds no checkpoint, or a damaged one.
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
    """All readable checkpoints, those with most evaluations first.

    Of two with as many evaluations, the one in a folder comes first: it need not be downloaded.

    Returns:
        The checkpoints, and what is wrong with the unreadable ones.
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
    """Restore a run from the first sound checkpoint.

    Returns:
        The run, or None without a sound checkpoint; and what is wrong with the skipped ones.
    """
    notes: list[str] = []
    for source in sources:
        try:
            with source.opened() as folder:
                return restore(folder), notes
        except (CheckpointError, ArtifactFailure) as error:
            notes.append(str(error))
    return None, notes
