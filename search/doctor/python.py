"""Python and the required packages: whether they are installed in supported versions."""

import platform
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from search.doctor.check import Check, failed, ok, warning
from search.doctor.subject import Subject

__all__ = ["check_packages", "check_python"]

DISTRIBUTION = "unim2-search"


def check_python(subject: Subject) -> Check:
    """Check the version of Python."""
    del subject
    found, wanted = platform.python_version(), SpecifierSet(">=3.11")
    if not wanted.contains(found):
        return failed(
            "Python",
            f"{found} in {sys.prefix}, {wanted} is needed",
            "make clean && make search PYTHON=python3.11",
        )
    return ok("Python", f"{found} in {sys.prefix}")


def check_packages(subject: Subject) -> Check:
    """Check every package that this project requires."""
    del subject
    try:
        required = [Requirement(text) for text in metadata.requires(DISTRIBUTION) or ()]
    except metadata.PackageNotFoundError:
        return warning(
            "packages", f"{DISTRIBUTION} is not installed; it runs from its source folder",
            "pip install --constraint constraints.txt --editable .",
        )  # fmt: skip
    needed = [one for one in required if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = {one: problem for one in needed if (problem := _problem(one)) is not None}
    if wrong:
        wanted = " ".join(f"'{one.name}{one.specifier}'" for one in wrong)
        return failed(
            "packages",
            "; ".join(wrong.values()),
            f"pip install --constraint constraints.txt {wanted}",
        )
    return ok("packages", f"all {len(needed)} required packages are installed")


def _problem(wanted: Requirement) -> str | None:
    try:
        found = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return f"{wanted.name} is missing"
    if not wanted.specifier.contains(found, prereleases=True):
        return f"{wanted.name} is {found}, {wanted.specifier} is needed"
    return None
