"""A place for files where the account has no home folder: containers that run under a number."""

import os
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path

from storage.account_name import has_name
from storage.private_folder import make_private

__all__ = ["provide_folders"]

#: What the defaults of all folders go by, and the part of the home folder that it stands for.
VARIABLES = {"XDG_DATA_HOME": "data", "XDG_CACHE_HOME": "cache"}
PARENTS = (Path("/tmp"), Path("/var/tmp"))


def provide_folders(
    environment: MutableMapping[str, str],
    say: Callable[[str], None],
    *,
    parents: Sequence[Path] = PARENTS,
) -> None:
    """Have defaults lie in a private folder where the account has neither a name nor a home.

    Such accounts (OpenShift, ``docker run --user``) have no ``HOME``, or ``/``, which they may
    not write. Folders that were named, and homes of accounts that have one, are left alone.

    Args:
        environment: Usually ``os.environ``; changed in place.
        say: Prints a line.
        parents: Where the folder may lie; the first that can be written is taken.
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
                f"uid {os.geteuid()} has no entry in the passwd file and no home folder that it"
                f" may write: studies, checkpoints and caches go to {folder} unless told"
                " otherwise; set HOME to keep them elsewhere"
            )
            return
