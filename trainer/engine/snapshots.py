"""Snapshots: checkpoints of a run at chosen iterations, kept for figures of its progress.

They are in the folder of the run's own checkpoint, in ``RUN/snapshots/ITERATION``, and are
checkpoints like any other: a run can be evaluated or continued from each of them.
"""

from pathlib import Path

from trainer.engine.checkpoint import RECORD_NAME
from trainer.errors import ConfigError

__all__ = ["check_snapshots", "find_snapshots", "read_iterations", "snapshot_folder"]

FOLDER = "snapshots"


def snapshot_folder(run: Path, iteration: int) -> Path:
    """Folder of a run's checkpoint at an iteration."""
    return run / FOLDER / str(iteration)


def find_snapshots(run: Path) -> dict[int, Path]:
    """The snapshots of a run by iteration, ascending."""
    found = {
        int(record.parent.name): record.parent
        for record in (run / FOLDER).glob(f"*/{RECORD_NAME}")
        if record.parent.name.isdecimal()
    }
    return dict(sorted(found.items()))


def read_iterations(text: str) -> tuple[int, ...]:
    """Iterations from the value of ``--snapshots``, such as ``0,10,100``; 0 is before training.

    Raises:
        ConfigError: If it is not a list of whole numbers.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ConfigError(
            f"--snapshots {text} is not a list of iterations: separate whole numbers with commas,"
            " such as 0,10,100"
        )
    return tuple(sorted({int(part) for part in parts}))


def check_snapshots(
    wanted: tuple[int, ...], run: Path, *, reached: int, iterations: int
) -> tuple[int, ...]:
    """The requested iterations that are still to come.

    Args:
        wanted: Iterations, ascending.
        run: Folder of the run.
        reached: Iterations trained so far.
        iterations: Iterations of the whole run.

    Raises:
        ConfigError: If an iteration is beyond the end, or has passed without a snapshot.
    """
    existing = find_snapshots(run)
    for iteration in wanted:
        if iteration > iterations:
            raise ConfigError(
                f"--snapshots {iteration} is beyond the run's {iterations} iterations: give fewer"
            )
        if iteration < reached and iteration not in existing:
            raise ConfigError(
                f"--snapshots {iteration} comes too late: {run} has reached iteration {reached};"
                " leave it out, or start again in another folder"
            )
    return tuple(iteration for iteration in wanted if iteration not in existing)
