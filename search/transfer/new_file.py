"""Writing a file completely or not at all, without overwriting one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search.errors import StudyFileError

__all__ = ["new_file"]


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A temporary file, which gets the name ``path`` once the block ends without an error.

    Raises:
        StudyFileError: If the file exists or cannot be written.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        partial.touch(exist_ok=False)
        yield partial
        os.link(partial, path)  # unlike a rename, this never replaces a file
    except FileExistsError as error:
        raise StudyFileError(f"{path} already exists: give another name") from error
    except OSError as error:
        raise StudyFileError(
            f"cannot write {path} ({error.strerror}): free space, or give another folder"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
