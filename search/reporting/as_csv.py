"""The printer for tables: the trials of a study as CSV, one line each."""

from search.reporting.as_json import trial_json
from search.reporting.canonical import with_canonical
from search.reporting.csv_text import csv_text
from search.reporting.study_details import StudyDetails

__all__ = ["trials_csv"]


def trials_csv(details: StudyDetails) -> str:
    """The trials by number; hyper-parameters, canonical numbers, criteria have a column each."""
    rows = [
        {
            **{key: value for key, value in found.items() if not isinstance(value, dict | list)},
            "attempts": len(found["attempts"]),
            **{f"params.{name}": value for name, value in found["params"].items()},
            **{f"canonical.{name}": value for name, value in found["canonical"].items()},
            **{f"last.{name}": value for name, value in found["criteria"].items()},
        }
        for found in map(trial_json, with_canonical(details.view).trials)
    ]
    return csv_text(rows)
