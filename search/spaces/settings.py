"""Settings of training that any space may turn, once they are given a range."""

from trainer.config.configuration import TrainConfig
from trainer.knobs import Knob

__all__ = ["setting_knobs"]

#: Beyond these a run is broken rather than badly tuned; the range that is searched is given.
LOWEST_RATE, HIGHEST_RATE = 1e-6, 1.0


def setting_knobs(config: TrainConfig) -> tuple[Knob, ...]:
    """One knob for each of ``TRIAL_SETTINGS``; untuned is what is configured."""
    return (
        Knob(
            name="learning_rate",
            low=LOWEST_RATE,
            high=HIGHEST_RATE,
            default=config.training.learning_rate,
            log=True,
            meaning="Adam's learning rate of the model",
        ),
    )
