"""JSON files of ``export``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.errors import StudyFileError
from search.transfer.trial_files.found_trial import FoundTrial, Looked, TrialFile
from search.transfer.trial_files.outcomes import finished_outcome

__all__ = ["read_json"]


def read_json(path: Path, looked: Looked) -> TrialFile:
    """Read a JSON file of ``export``.

    Raises:
        StudyFileError: If it is not one.
    """
    del looked  # it holds one study, and values have one place
    try:
        found = json.loads(path.read_bytes())
        trials = [_trial(each) for each in found["trials"]]
        objective = found["objective"]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise StudyFileError(
            f"{path} is not a JSON file of export ({type(error).__name__}): give one that export"
            " wrote"
        ) from error
    finished = [trial for trial in trials if trial is not None]
    config = found.get("config")
    return TrialFile(
        trials=finished,
        unfinished=len(trials) - len(finished),
        objective=str(objective),
        config=config if isinstance(config, Mapping) else None,
    )


def _trial(found: Mapping[str, Any]) -> FoundTrial | None:
    outcome = finished_outcome(found["outcome"])
    if outcome is None:
        return None
    return FoundTrial(
        place=f"trial {found['trial']}",
        outcome=outcome,
        value=found["value"],
        params=dict(found["params"]),
        scores={int(step): score for step, score in found["scores"].items()},
        reason=str(found["reason"]),
    )
