"""The published protocol of a search, and the description of a study's protocol.

The released search evaluates a trial once per epoch, uses the best evaluation as its value, and
stops trials by the median rule (``docs/protocols.md``). Searches of this project space their
evaluations evenly, so that their number does not depend on the data. 20 evaluations in 2500
iterations are one per epoch on NYU-Depth-v2.
"""

from collections.abc import Mapping
from typing import Any

from search.errors import SettingsError
from search.objectives import DEFAULT_OBJECTIVE, study_objective
from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import build_record, record_to_table
from trainer.protocols import protocol_text

__all__ = ["PUBLISHED_SEARCH", "check_cadence", "study_protocol"]

#: Settings of the published protocol for a search, in addition to those for a run.
PUBLISHED_SEARCH: Mapping[str, Mapping[str, Any]] = {
    "evaluation": {"cadence": "even"},
    "search": {"objective": "miou-accuracy", "space": "per-modality", "pruner": "median"},
}


def check_cadence(config: TrainConfig) -> None:
    """Refuse evaluations whose number depends on the data.

    Raises:
        SettingsError: If the evaluations are not evenly spaced.
    """
    if config.evaluation.cadence != "even":
        raise SettingsError(
            f"evaluation.cadence = {config.evaluation.cadence!r} is for single runs: a search"
            " spaces its evaluations evenly; leave it out and set evaluation.evaluations"
        )


def study_protocol(stored: Mapping[str, Any]) -> str:
    """The protocol of a study and how its values are computed, in one line.

    Args:
        stored: The study's configuration; settings that it lacks have their default.
    """
    search = {"objective": DEFAULT_OBJECTIVE, **stored["search"]}
    run = build_record(TrainConfig, {key: stored[key] for key in stored if key != "search"})
    name = protocol_text({**record_to_table(run), "search": search}, PUBLISHED_SEARCH)
    made = study_objective(stored).value_text(run.evaluation.report)
    is_test = run.data.options.get("val") == "test"
    return f"{name}: {made}{', which is the test split' * is_test}"
