"""What works on this machine, what does not, and what mends it. One check, one line."""

from collections.abc import Callable, Sequence

from search.doctor.check import Check
from search.doctor.database import check_database
from search.doctor.dataset_features import check_data, check_weights
from search.doctor.device import check_cores, check_device, check_memory
from search.doctor.disk import check_cache, check_checkpoints
from search.doctor.python import check_packages, check_python
from search.doctor.ray import check_ray
from search.doctor.subject import Subject

__all__ = ["CHECKS", "Check", "Subject", "examine"]

#: In the order in which they are told: what the later ones need comes first.
CHECKS: Sequence[Callable[[Subject], Check]] = (
    check_python,
    check_packages,
    check_device,
    check_cores,
    check_memory,
    check_ray,
    check_database,
    check_data,
    check_weights,
    check_cache,
    check_checkpoints,
)


def examine(subject: Subject) -> list[Check]:
    """All checks."""
    return [check(subject) for check in CHECKS]
