"""Detection of NYU-Depth-v2 RGB files with exchanged rows and columns (UniM2's archive)."""

from pathlib import Path

from trainer.datasets.headers import read_size
from trainer.errors import ConfigError

__all__ = ["find_transposed"]


def find_transposed(
    rgb: Path, reference: Path | None, *, asked: bool | None
) -> tuple[bool, tuple[str, ...]]:
    """Compare an RGB file's size with that of a file that is known to be upright.

    Args:
        rgb: One RGB file; the sizes of all others are checked against it later.
        reference: The label, HHA or depth of the same frame; None if there is none.
        asked: Value of ``data.options.rgb_transposed``, if given.

    Returns:
        Whether they are transposed, and a note about it.

    Raises:
        ConfigError: If the sizes are not conclusive and the option is not given.
        DataError: If a file cannot be decoded.
    """
    option = "data.options.rgb_transposed"
    if asked is not None:
        return asked, (f"RGB is transposed when it is read, as {option} says",) * asked
    size = read_size(rgb, late=True)
    if reference is None or size[0] == size[1]:
        why = "is square" if size[0] == size[1] else "has no label, HHA or depth to compare with"
        raise ConfigError(
            f"{rgb} {why}, so its size does not show whether rows and columns are exchanged:"
            f" set {option} to true or false"
        )
    if read_size(reference) != size[::-1]:
        return False, ()
    return True, (
        f"RGB is stored transposed and turned back when it is read: {rgb.name} is"
        f" {size[0]} x {size[1]}, {reference.parent.name}/{reference.name} {size[1]} x {size[0]}",
    )
