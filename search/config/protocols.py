"""What the published protocol means for a search, and how a study says under which it ran.

The released search looks at a trial once an epoch, takes the best of all looks for its value and
stops trials by the median rule (``docs/protocols.md``). Here the looks of a search are always
evenly spaced, so that their number is known before the data are: 20 of 2500 iterations are once
an epoch on NYU-Depth-v2.
"""

from collections.abc import Mapping
from typing import Any

from search.errors import SettingsError
from search.objectives import DEFAULT_OBJECTIVE, study_objective
from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import build_record, record_to_table
from trainer.protocols import protocol_text

__all__ = ["PUBLISHED_SEARCH", "check_cadence", "study_protocol"]

#: What the published protocol sets for a search beside what it sets for a run.
PUBLISHED_SEARCH: Mapping[str, Mapping[str, Any]] = {
    "evaluation": {"cadence": "even"},
    "search": {"objective": "miou-accuracy", "space": "per-modality", "pruner": "median"},
}


def check_cadence(config: TrainConfig) -> None:
    """Refuse evaluations whose number the data decide.

    Raises:
        SettingsError: If they are not evenly spaced.
    """
    if config.evaluation.cadence != "even":
        raise SettingsError(
            f"evaluation.cadence = {config.evaluation.cadence!r} is for single runs: a search"
            " evaluates at even distances; leave it out and set evaluation.evaluations"
        )


def study_protocol(stored: Mapping[str, Any]) -> str:
    """The protocol of a study's values and how they are made, in one line.

    Args:
        stored: The study's resolved configuration; a setting younger than it has its default.
    """
    search = {"objective": DEFAULT_OBJECTIVE, **stored["search"]}
    run = build_record(TrainConfig, {key: stored[key] for key in stored if key != "search"})
    name = protocol_text({**record_to_table(run), "search": search}, PUBLISHED_SEARCH)
    made = study_objective(stored).value_text(run.evaluation.report)
    is_test = run.data.options.get("val") == "test"
    return f"{name}: {made}{', which is the test split' * is_test}"
