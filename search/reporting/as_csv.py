"""The printer for tables: the trials of a study as CSV, one line each."""

import csv
import io

from search.reporting.as_json import trial_json
from search.reporting.study_details import StudyDetails

__all__ = ["trials_csv"]


def trials_csv(details: StudyDetails) -> str:
    """The trials by number; hyper-parameters and criteria have a column each."""
    rows = [
        {
            **{key: value for key, value in found.items() if not isinstance(value, dict | list)},
            "attempts": len(found["attempts"]),
            **{f"params.{name}": value for name, value in found["params"].items()},
            **{f"last.{name}": value for name, value in found["criteria"].items()},
        }
        for found in map(trial_json, details.view.trials)
    ]
    names = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
