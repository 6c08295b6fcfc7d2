"""Environment variables that must be set before Ray is imported or started."""

import os
from collections.abc import MutableMapping

from storage.account_name import has_name

__all__ = ["name_account", "outlive_ray"]

#: Variables that Python's ``getpass`` reads before it asks the system for the account's name.
NAME_VARIABLES = ("LOGNAME", "USER", "LNAME", "USERNAME")


def name_account(environment: MutableMapping[str, str]) -> None:
    """Set a name for an account that has no entry in the passwd file: Ray asks for one.

    Args:
        environment: Usually ``os.environ``; changed in place if it holds no name.
    """
    if not has_name(os.getuid()) and not any(map(environment.get, NAME_VARIABLES)):
        environment["USER"] = f"uid-{os.getuid()}"


def outlive_ray(environment: MutableMapping[str, str]) -> None:
    """Keep this process running when its node's raylet ends.

    Every process of Ray ends itself when its raylet ends. A driver has no raylet, but if its
    parent is process 1, as after ``nohup`` and in containers, Ray concludes that the raylet has
    ended. Given the number of a running process, Ray watches that process instead.

    Args:
        environment: Usually ``os.environ``, before Ray is imported; changed in place. Ray
            overwrites the value in the processes that it starts.
    """
    environment["RAY_RAYLET_PID"] = str(os.getpid())
