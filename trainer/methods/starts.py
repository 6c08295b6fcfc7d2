"""Initialisation of a method's parameters.

``random``: drawn at random, as in the authors' code. ``identity``: the networks pass the frozen
features through unchanged, and the code is their principal components
(``networks/identity_start.py``).
"""

from typing import Literal

from trainer.errors import ConfigError
from trainer.fusions import find_fusion

__all__ = ["Start", "check_identity"]

Start = Literal["random", "identity"]


def check_identity(
    *, fusion: str, msn: bool, msn_residual: bool, modalities: tuple[str, ...]
) -> None:
    """Refuse settings with which the networks cannot pass features through unchanged.

    Args:
        fusion: ``method.fusion``.
        msn: Whether each modality has its own network.
        msn_residual: Whether that network adds its input to its output.
        modalities: The modalities; with one there is neither network nor fusion.

    Raises:
        ConfigError: If the fusion cannot start so, or the networks add nothing to their input.
    """
    if len(modalities) == 1:
        return
    if reason := find_fusion(fusion).not_from_identity:
        raise ConfigError(
            f"method.options.start = 'identity' does not work with method.fusion = {fusion!r}:"
            f" {reason}; set method.fusion to 'mean' or 'conv', or start to 'random'"
        )
    if msn and not msn_residual:
        raise ConfigError(
            "method.options.start = 'identity' needs modality-specific networks that add their"
            " input: set method.options.msn_residual to true, or method.options.msn to false"
        )
