"""Cross-modal harmonisers (CMH): small networks that turn the shared code into a modality's code.

Letters of shapes: ``docs/architecture.md``.
UniM2 (UMSS, ECCV 2026), Eq. 9. In the paper each auxiliary modality has its own head; the authors'
code (Hatins/UniM2 at 08fa082) has one head for all of them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.nn.linear import linear
from trainer.nn.parameters import Entry, Views, linear_entries

__all__ = ["Harmoniser"]


@dataclass(frozen=True, kw_only=True)
class Harmoniser:
    """Computes the code of each modality: the shared code, or a transform of it."""

    #: For each modality, whether it uses the shared code itself (an anchor).
    anchors: tuple[bool, ...]
    #: Whether one head serves all modalities that are not anchors.
    shared: bool
    #: Number of channels of the code.
    code_dim: int

    @property
    def heads(self) -> int:
        """Number U of heads."""
        others = sum(not anchor for anchor in self.anchors)
        return min(others, 1) if self.shared else others

    def entries(self) -> tuple[Entry, ...]:
        """Parameters of each head: 1x1 convolution K to K, ReLU, 1x1 convolution K to K."""
        if not self.heads:
            return ()
        stack, width = (self.heads,), self.code_dim
        return (
            *linear_entries("cmh.first", inputs=width, outputs=width, stack=stack),
            *linear_entries("cmh.second", inputs=width, outputs=width, stack=stack),
        )

    def __call__(self, code_SNTK: Tensor, views: Views) -> Tensor:
        """The code of every modality.

        Args:
            code_SNTK: Shared code with shape (S, N, T, K).
            views: Parameters with the names of :meth:`entries`.

        Returns:
            Tensor with shape (S, M, N, T, K).
        """
        if not self.heads:
            return code_SNTK.unsqueeze(1).expand(-1, len(self.anchors), -1, -1, -1)
        inputs_SUNTK = code_SNTK.unsqueeze(1).expand(-1, self.heads, -1, -1, -1)
        hidden = linear(inputs_SUNTK, views, "cmh.first", relu=True)
        harmonised_SUNTK = linear(hidden, views, "cmh.second")
        return torch.stack(self._choose(code_SNTK, harmonised_SUNTK), dim=1)

    def _choose(self, code_SNTK: Tensor, harmonised_SUNTK: Tensor) -> list[Tensor]:
        codes, head = [], 0
        for anchor in self.anchors:
            codes.append(code_SNTK if anchor else harmonised_SUNTK[:, head])
            head += not (anchor or self.shared)
        return codes
