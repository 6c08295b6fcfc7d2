"""Whether the frozen target of a loss is dropped out, and by which masks.

STEGO compares its code with the dropped-out map; the released code does so with one modality
and not with several, which leaves the baseline a noise that the method does not have
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
    #: Modalities of the run.
    modalities: int
    #: Maps that codes are compared with, a mask each.
    maps: int

    @property
    def _acts(self) -> bool:
        single = self.setting == "single" and self.modalities == 1
        return single or self.setting == "always"

    @property
    def masks(self) -> int:
        """Masks of a step, the head's included.

        With one modality the target's is always among them: whether it is used then changes no
        other number of the run.
        """
        return HEAD_MASKS + (self.maps if self._acts or self.modalities == 1 else 0)

    def apply(self, targets_SMNTC: Tensor, masks_SDNC: Tensor) -> Tensor:
        """The targets, dropped out or as they are.

        Args:
            targets_SMNTC: Frozen features with shape (S, M, N, T, C).
            masks_SDNC: The step's masks with shape (S, D, N, C).

        Returns:
            Tensor with shape (S, M, N, T, C).
        """
        if not self._acts:
            return targets_SMNTC
        return targets_SMNTC * masks_SDNC[:, HEAD_MASKS:].unsqueeze(-2)
