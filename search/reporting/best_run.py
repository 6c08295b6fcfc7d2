"""The configuration of a study's best trial, for ``python -m trainer fit``."""

from search.reporting.study_view import StudyView
from trainer.config.configuration import TrainConfig
from trainer.seeds import derive_seed

__all__ = ["best_config"]


def best_config(view: StudyView) -> TrainConfig:
    """The configuration that trains the best trial again, with its seed."""
    from search.config.configuration import LaunchConfig  # slow: imports samplers and SciPy

    assert view.best is not None
    config = LaunchConfig.from_stored(view.config).train
    seed = derive_seed(view.seed, view.best.number, "run")
    return config.with_trial(hyper=view.best.params, seed=seed)
