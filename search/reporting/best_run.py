"""The configuration of a study's best trial, as ``python -m trainer fit`` takes it."""

from search.reporting.study_view import StudyView
from trainer.config.configuration import TrainConfig
from trainer.seeds import derive_seed

__all__ = ["best_config"]


def best_config(view: StudyView) -> TrainConfig:
    """The run that the best trial was."""
    from search.config.configuration import (
        LaunchConfig,  # with all methods, and so torch: not for every verb
    )

    assert view.best is not None
    config = LaunchConfig.from_table(view.config).train
    seed = derive_seed(view.seed, view.best.number, "run")
    return config.with_trial(hyper=view.best.params, seed=seed)
