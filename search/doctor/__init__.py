"""Check the environment of a search and suggest fixes. Each check prints one line."""

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

#: In the order in which they are printed; a check comes after those it depends on.
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
    """Run all checks."""
    return [check(subject) for check in CHECKS]
