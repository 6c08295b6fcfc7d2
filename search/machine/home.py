"""A folder for files if the account has no home folder, as in containers with a bare user id."""

import os
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path

from storage.account_name import has_name
from storage.private_folder import make_private

__all__ = ["provide_folders"]

#: Variables that determine the default folders, and the subfolder that each is set to.
VARIABLES = {"XDG_DATA_HOME": "data", "XDG_CACHE_HOME": "cache"}
PARENTS = (Path("/tmp"), Path("/var/tmp"))


def provide_folders(
    environment: MutableMapping[str, str],
    say: Callable[[str], None],
    *,
    parents: Sequence[Path] = PARENTS,
) -> None:
    """Move the default folders to a private folder if the account has neither a name nor a home.

    Such accounts (OpenShift, ``docker run --user``) have no ``HOME``, or ``/``, where they may not
    write. Folders that the user has set, and existing home folders, stay in use.

    Args:
        environment: Usually ``os.environ``; changed in place.
        say: Prints a line.
        parents: Where the folder may be created; the first writable one is used.
    """
    missing = [name for name in VARIABLES if not environment.get(name)]
    home = environment.get("HOME", "")
    if has_name() or not missing or (home and os.access(home, os.W_OK | os.X_OK)):
        return
    for parent in parents:
        folder = parent / f"unim2-search-{os.geteuid()}"
        try:
            private = make_private(folder)
        except OSError:
            continue  # the next one
        if private:
            environment.update({name: str(folder / VARIABLES[name]) for name in missing})
            say(
                f"uid {os.geteuid()} has no entry in the passwd file and no writable home folder:"
                f" studies, checkpoints and caches go to {folder} by default; set HOME to keep"
                " them elsewhere"
            )
            return
