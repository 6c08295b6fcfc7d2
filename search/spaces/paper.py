"""The space ``paper``: what the paper tunes, shared over modalities.

Six weights and biases of the self, KNN and random pairs in [0, 1], and one weight
lambda_cmcs of each added modality, log-uniform over 0.05 to 20 (published ratios lie
between 0.75 and 10.3). The method declares them; here every declared knob is turned.
"""

from trainer.config.configuration import TrainConfig
from trainer.knobs import Knob
from trainer.methods import knobs

__all__ = ["paper_space"]


def paper_space(config: TrainConfig) -> tuple[Knob, ...]:
    """Every knob that the method declares for the configured modalities."""
    return knobs(config)
