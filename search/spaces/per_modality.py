"""The space ``per-modality``: what the released code tunes, seven numbers per modality.

Three weights, three biases and one weight of the whole loss per modality, including the anchor,
each uniform over [0, 1] (``docs/method.md``). Trial 0 has the defaults of the released code. Adam
ignores the scale of the whole loss, so one of the loss weights is redundant, as in that code.
"""

from search.errors import SettingsError
from trainer.config.configuration import TrainConfig
from trainer.hyper_parameters import HyperParameter
from trainer.methods import modality_hyper_parameters

__all__ = ["per_modality_space"]


def per_modality_space(config: TrainConfig) -> tuple[HyperParameter, ...]:
    """All per-modality hyper-parameters of the method.

    Raises:
        SettingsError: If the method has none.
    """
    found = modality_hyper_parameters(config)
    if not found:
        raise SettingsError(
            f"--space per-modality: the method {config.method.name} has no per-modality"
            " hyper-parameters; give --space paper"
        )
    return found
