"""Variables that are set before Ray, and what it starts, read them."""

import os
from collections.abc import MutableMapping

from storage.account_name import has_name

__all__ = ["name_account", "outlive_ray"]

#: Where Python's ``getpass`` looks for the name of the account, before it asks the system.
NAME_VARIABLES = ("LOGNAME", "USER", "LNAME", "USERNAME")


def name_account(environment: MutableMapping[str, str]) -> None:
    """Give an account that the system knows by number alone a name, for whoever asks for one.

    Args:
        environment: Usually ``os.environ``; changed in place, where it holds no name.
    """
    if not has_name(os.getuid()) and not any(map(environment.get, NAME_VARIABLES)):
        environment["USER"] = f"uid-{os.getuid()}"


def outlive_ray(environment: MutableMapping[str, str]) -> None:
    """Have this process live on when its node's part of Ray ends.

    Every process of Ray ends itself when the raylet does that it belongs to. A driver belongs
    to none, but where its parent is process 1, as after ``nohup`` and in containers, Ray takes
    that for the sign that the raylet has ended. Told a process that lives, it looks at that.

    Args:
        environment: Usually ``os.environ``, before Ray is imported; changed in place. Ray lays
            its own value over it in the processes that it starts.
    """
    environment["RAY_RAYLET_PID"] = str(os.getpid())
