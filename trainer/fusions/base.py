"""The seam of a fusion: the token maps of several modalities become one.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass

from torch import Tensor

from trainer.nn.parameters import Entry, Views

__all__ = ["Fusion"]


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """A fusion without parameters; those with parameters override the methods that list them."""

    #: Count M of modalities.
    modalities: int
    #: Feature channels C.
    channels: int

    def entries(self) -> tuple[Entry, ...]:
        """Parameters."""
        return ()

    def buffer_entries(self) -> tuple[Entry, ...]:
        """Running statistics."""
        return ()

    def identity(self, views: Views, *, bound: float) -> dict[str, Tensor]:
        """Parameters to replace for the start ``identity``: nothing is learned into the result.

        A learned fusion returns those with which it is the mean of the modalities. Called only
        if the fusion's entry in the table says that it can start so.

        Args:
            views: Parameters with the names of :meth:`entries`, as they were drawn.
            bound: No number of the maps is larger than this.
        """
        del views, bound
        return {}

    def __call__(
        self,
        tokens_SMNTC: Tensor,
        views: Views,
        buffers: dict[str, Tensor],
        sample_weight_SB: Tensor | None,
    ) -> Tensor:
        """Fuse the modalities.

        Args:
            tokens_SMNTC: Tensor with shape (S, M, N, T, C).
            views: Parameters with the names of :meth:`entries`.
            buffers: Running statistics; replaced entry by entry when training.
            sample_weight_SB: Weight of each crop in its half, (S, B); None at evaluation.

        Returns:
            Tensor with shape (S, N, T, C).
        """
        raise NotImplementedError
