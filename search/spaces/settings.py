"""Settings of training that any space searches once they are given a range."""

from trainer.config.configuration import TrainConfig
from trainer.hyper_parameters import HyperParameter

__all__ = ["setting_hyper_parameters"]

#: Beyond these limits training breaks down; the user gives the range that is searched.
LOWEST_RATE, HIGHEST_RATE = 1e-6, 1.0


def setting_hyper_parameters(config: TrainConfig) -> tuple[HyperParameter, ...]:
    """One hyper-parameter for each of ``TRIAL_SETTINGS``; the configured value is its default."""
    return (
        HyperParameter(
            name="learning_rate",
            low=LOWEST_RATE,
            high=HIGHEST_RATE,
            default=config.training.learning_rate,
            log=True,
            meaning="Adam's learning rate of the model",
        ),
    )
