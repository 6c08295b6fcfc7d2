"""Tokens of the first modality beside the projected tokens of the others, for alignment losses.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["TokenPairs", "tokens_at"]


@dataclass(frozen=True, kw_only=True)
class TokenPairs:
    """Tokens for an alignment loss; token i of each modality is at the same position."""

    #: Frozen tokens of the first modality with shape (S, I, C).
    first_SIC: Tensor
    #: Projected tokens of the others with shape (S, X, I, C).
    others_SXIC: Tensor
    #: Weight of each token with shape (S, I): at least 0, together 1.
    weight_SI: Tensor
    #: Tokens in random order, evenly from all crops, for a loss that takes fewer: (S, B*Q).
    drawn_SI: Tensor

    @classmethod
    def of(
        cls, first_SBTC: Tensor, others_SXBTC: Tensor, sample_weight_SB: Tensor, drawn_SI: Tensor
    ) -> "TokenPairs":
        """All tokens of a batch.

        Args:
            first_SBTC: Tokens of the first modality.
            others_SXBTC: Projected tokens of the others.
            sample_weight_SB: Weight of each query in the batch: 1/B, or 0 for padding.
            drawn_SI: See :func:`tokens_at`.
        """
        tokens = first_SBTC.shape[2]
        return cls(
            first_SIC=first_SBTC.flatten(1, 2),
            others_SXIC=others_SXBTC.flatten(2, 3),
            weight_SI=(sample_weight_SB / tokens).repeat_interleave(tokens, dim=1),
            drawn_SI=drawn_SI,
        )

    def sample(self, count: int) -> "TokenPairs":
        """The first ``count`` of the drawn tokens, or all of them if there are fewer."""
        chosen_SI = self.drawn_SI[:, :count]
        weight_SI = self.weight_SI.gather(1, chosen_SI)
        first = chosen_SI.unsqueeze(-1).expand(-1, -1, self.first_SIC.shape[-1])
        others = first.unsqueeze(1).expand(-1, self.others_SXIC.shape[1], -1, -1)
        return TokenPairs(
            first_SIC=self.first_SIC.gather(1, first),
            others_SXIC=self.others_SXIC.gather(2, others),
            weight_SI=weight_SI / weight_SI.sum(dim=1, keepdim=True),
            drawn_SI=torch.arange(chosen_SI.shape[1], device=chosen_SI.device).expand_as(
                chosen_SI
            ),
        )


def tokens_at(points_SBQ2: Tensor, grid: tuple[int, int]) -> Tensor:
    """The tokens that contain the points, crop after crop for each point.

    Points are uniform over the map, and so are the tokens.

    Args:
        points_SBQ2: Points (x, y) in [-1, 1].
        grid: Tokens down and across (H, W).

    Returns:
        Indices into the B*T tokens of all crops, with shape (S, Q*B).
    """
    rows, columns = grid
    x, y = (
        ((points_SBQ2[..., axis] + 1) / 2 * size).long().clamp(0, size - 1)
        for axis, size in ((0, columns), (1, rows))
    )
    crop_B = torch.arange(points_SBQ2.shape[1], device=points_SBQ2.device)
    token_SBQ = y * columns + x + (crop_B * rows * columns)[:, None]
    return token_SBQ.transpose(1, 2).flatten(1)
