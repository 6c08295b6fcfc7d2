"""The errors of a search; each message is one line that says how to fix it.

::

    SearchError
    ├── SettingsError    a flag or a setting is unknown or out of range
    ├── StudyError       the study cannot be created, continued or found
    ├── StudyFileError   a file holds no study, or cannot be written
    ├── FailureBudget    too many trials failed
    ├── ClusterError     Ray cannot be started or has no room
    ├── ClusterUnreachable      Ray went while it was in use, and did not come back in time
    └── Interrupted      asked to stop before any worker had started, or at once
"""

__all__ = [
    "ClusterError",
    "ClusterUnreachable",
    "FailureBudget",
    "Interrupted",
    "SearchError",
    "SettingsError",
    "StudyError",
    "StudyFileError",
    "first_line",
]


class SearchError(Exception):
    """An error that the user can fix; the message says how."""


class SettingsError(SearchError):
    """A flag or a setting is unknown or out of range."""


class StudyError(SearchError):
    """The study cannot be created, continued or found."""


class StudyFileError(SearchError):
    """A file holds no study, or cannot be written."""


class FailureBudget(SearchError):
    """Too many trials failed; the configuration or the machine is at fault, not a trial."""


class ClusterError(SearchError):
    """Ray cannot be started or has no room."""


class ClusterUnreachable(SearchError):
    """Ray went while it was in use, and did not come back in time."""


class Interrupted(SearchError):
    """Asked to stop before any worker had started, or at once."""


def first_line(error: BaseException) -> str:
    """What an error of others says, without the lines below; its type if it says nothing."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
