"""The space ``per-modality``: what the released code tunes, seven numbers a modality.

Three weights, three biases and one weight of the whole loss of every modality, the anchor
included, each uniform over [0, 1] (``docs/method.md``). Trial 0 has what the released
code falls back to. Adam ignores the scale of the whole loss, so that of 7 M numbers 6 M - 1
act: one weight is redundant, here as there.
"""

from search.errors import SettingsError
from trainer.config.configuration import TrainConfig
from trainer.hyper_parameters import HyperParameter
from trainer.methods import modality_hyper_parameters

__all__ = ["per_modality_space"]


def per_modality_space(config: TrainConfig) -> tuple[HyperParameter, ...]:
    """Every knob that the method declares for one modality alone.

    Raises:
        SettingsError: If the method has none.
    """
    found = modality_hyper_parameters(config)
    if not found:
        raise SettingsError(
            f"--space per-modality: the method {config.method.name} has no knobs of single"
            " modalities; give --space paper"
        )
    return found
