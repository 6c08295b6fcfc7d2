"""Canonical vectors of stored trials, also of studies that stored none, and trials in common."""

import dataclasses
from collections.abc import Mapping

from search.reporting.study_view import StudyView

__all__ = ["in_common", "with_canonical"]


def with_canonical(view: StudyView) -> StudyView:
    """The study with the canonical vector of each trial that can have one.

    Vectors that an earlier version did not store are computed from the configuration.
    """
    if all(trial.canonical or not trial.params for trial in view.trials):
        return view
    # lazily: it imports Optuna, and studies of this version need none
    from search.config.configuration import known_config
    from search.spaces.canonical import canonical_vector
    from trainer.errors import TrainerError

    config = known_config(view.config)
    if config is None:
        return view  # another version created the study
    train = config.train

    def vector(params: Mapping[str, float]) -> dict[str, float]:
        try:
            return canonical_vector(params, train)
        except TrainerError:
            return {}  # parameters that this version does not know

    trials = tuple(
        dataclasses.replace(trial, canonical=trial.canonical or vector(trial.params))
        for trial in view.trials
    )
    return dataclasses.replace(view, trials=trials)


def in_common(view: StudyView, others: tuple[StudyView, ...]) -> int:
    """How many finished trials of a study another one has, too: the same run up to the seed."""
    from search.spaces.canonical import vector_key  # lazily: as above

    known = {
        vector_key(trial.canonical)
        for other in others
        for trial in with_canonical(other).trials
        if trial.canonical and trial.ended
    }
    return sum(
        bool(trial.canonical) and trial.ended and vector_key(trial.canonical) in known
        for trial in with_canonical(view).trials
    )
