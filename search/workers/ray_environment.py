"""Variables that Ray reads when it is imported, and that are set before that."""

import os
from collections.abc import MutableMapping

__all__ = ["outlive_ray"]


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
