"""Initialisation of a method's parameters.

``random``: drawn at random, as in the authors' code. ``identity``: the networks pass the frozen
features through unchanged, and the code is their principal components
(``networks/identity_start.py``). ``first``: the same, but the fusion passes the first modality
alone.
"""

from typing import Literal

from trainer.errors import ConfigError
from trainer.fusions import find_fusion

__all__ = ["Start", "check_start"]

Start = Literal["random", "identity", "first"]


def check_start(
    start: Start, *, fusion: str, msn: bool, msn_residual: bool, modalities: tuple[str, ...]
) -> None:
    """Refuse settings with which the networks cannot pass features through unchanged.

    Args:
        start: ``method.options.start``; nothing is refused for ``random``.
        fusion: ``method.fusion``.
        msn: Whether each modality has its own network.
        msn_residual: Whether that network adds its input to its output.
        modalities: The modalities; with one there is neither network nor fusion.

    Raises:
        ConfigError: If the fusion cannot start so, or the networks add nothing to their input.
    """
    if start == "random" or len(modalities) == 1:
        return
    entry = find_fusion(fusion)
    if reason := entry.not_from_first if start == "first" else entry.not_from_identity:
        fix = "'conv'" if start == "first" else "'mean' or 'conv'"
        other = "'random'" if entry.not_from_identity else "'identity' or 'random'"
        raise ConfigError(
            f"method.options.start = {start!r} does not work with method.fusion = {fusion!r}:"
            f" {reason}; set method.fusion to {fix}, or start to {other}"
        )
    if msn and not msn_residual:
        raise ConfigError(
            f"method.options.start = {start!r} needs modality-specific networks that add their"
            " input: set method.options.msn_residual to true, or method.options.msn to false"
        )
