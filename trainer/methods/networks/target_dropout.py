"""Dropout of a loss's frozen target, and its masks.

STEGO compares its code with the map after dropout. The published code does so with one modality
but not with several, which gives the baseline a noise that the method does not have
(``docs/protocols.md``). ``method.options.target_dropout`` chooses.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

__all__ = ["TargetDropout"]

HEAD_MASKS = 2  # of the code head, which come first


@dataclass(frozen=True, kw_only=True)
class TargetDropout:
    """The setting for one method with its modalities."""

    setting: Literal["single", "always", "never"]
    #: Number of modalities of the run.
    modalities: int
    #: Number of maps with which codes are compared; each has a mask.
    maps: int

    @property
    def _acts(self) -> bool:
        single = self.setting == "single" and self.modalities == 1
        return single or self.setting == "always"

    @property
    def masks(self) -> int:
        """Number of masks per step, including those of the head.

        With one modality the target's mask is always included, so that the other numbers of the
        run do not depend on whether it is used.
        """
        return HEAD_MASKS + (self.maps if self._acts or self.modalities == 1 else 0)

    def apply(self, targets_SMNTC: Tensor, masks_SDNC: Tensor) -> Tensor:
        """The targets, after dropout or unchanged.

        Args:
            targets_SMNTC: Frozen features with shape (S, M, N, T, C), or of the queries only.
            masks_SDNC: The step's masks with shape (S, D, N, C).

        Returns:
            Tensor with shape (S, M, N, T, C).
        """
        if not self._acts:
            return targets_SMNTC
        masks_SMNC = masks_SDNC[:, HEAD_MASKS:, : targets_SMNTC.shape[2]]
        return targets_SMNTC * masks_SMNC.unsqueeze(-2)
