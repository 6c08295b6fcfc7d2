"""The space ``paper``: what the paper tunes, shared by all modalities.

Six weights and biases of the self, KNN and random pairs in [0, 1], and one weight lambda_cmcs per
added modality, log-uniform over 0.05 to 20 (published ratios are between 0.75 and 10.3). The
method declares these hyper-parameters; this space searches all of them.
"""

from trainer.config.configuration import TrainConfig
from trainer.hyper_parameters import HyperParameter
from trainer.methods import hyper_parameters

__all__ = ["paper_space"]


def paper_space(config: TrainConfig) -> tuple[HyperParameter, ...]:
    """All hyper-parameters that the method declares for the configured modalities."""
    return hyper_parameters(config)
