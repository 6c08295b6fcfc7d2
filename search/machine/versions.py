"""The software that a study is created with: package versions and the revision of the code."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

__all__ = ["code_revision", "package_versions"]

PACKAGES = ("unim2-search", "torch", "timm", "optuna", "ray", "sqlalchemy", "numpy", "scipy")
GIT_SECONDS = 10  # longest wait for git


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def code_revision() -> str | None:
    """The commit of this checkout, with a suffix if files are modified; None outside of one."""
    folder = Path(__file__).parent
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return f"{commit}-modified" if _git(folder, "status", "--porcelain", "-uno") else commit


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
