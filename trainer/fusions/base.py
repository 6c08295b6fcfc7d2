"""Interface of a fusion, which combines the token maps of several modalities into one.

Letters of shapes: ``docs/architecture.md``.
"""

from dataclasses import dataclass

from torch import Tensor

from trainer.nn.parameters import Entry, Views

__all__ = ["Fusion"]


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """A fusion without parameters; those with parameters override :meth:`entries`."""

    #: Number M of modalities.
    modalities: int
    #: Number C of feature channels.
    channels: int

    @property
    def first_layer(self) -> str | None:
        """Name of a linear layer with a rectifier that comes first; None if there is none.

        A fusion that has one takes the concatenated modalities into it and goes on with
        :meth:`after_first`.
        """
        return None

    def after_first(self, hidden_SNTO: Tensor, views: Views) -> Tensor:
        """Fused features (S, N, T, C) from the rectified output of :attr:`first_layer`."""
        raise NotImplementedError

    def entries(self) -> tuple[Entry, ...]:
        """Parameters."""
        return ()

    def buffer_entries(self) -> tuple[Entry, ...]:
        """Running statistics."""
        return ()

    def weighted(self, views: Views, shares_M: Tensor, *, bound: float) -> dict[str, Tensor]:
        """Replacement parameters for the starts ``identity`` and ``first``; none by default.

        A learned fusion returns those that make it a weighted mean of the modalities. Called only
        if the fusion's entry in the table allows the start.

        Args:
            views: Parameters with the names of :meth:`entries`, as initialised.
            shares_M: Weight of each modality; their sum is 1.
            bound: Upper bound of the magnitude of all numbers in the maps.
        """
        del views, shares_M, bound
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
