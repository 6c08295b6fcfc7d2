"""Batches of the train split: frozen features, and labels for the linear probe.

Letters of shapes: ``docs/architecture.md``.

A GPU keeps the features of all crops in its memory if they take at most half of what is free.
Otherwise, and on the CPU, the crops of each batch are copied from the memory-mapped features.
"""

import numpy as np
import torch
from torch import Tensor

from trainer.errors import ConfigError
from trainer.features.dataset_features import TrainSplit
from trainer.features.tokens import to_tokens
from trainer.losses.draws import StepDraws
from trainer.methods.base import Batch
from trainer.methods.feature_map import FeatureMap
from trainer.nn.transfer import send
from trainer.scoring.probes import ProbeKind, token_labels

__all__ = ["Batches"]

SAMPLE_TOKENS = 2**15  # per modality: many per channel, yet clustered within a second


class Batches:
    """The train split, batch by batch."""

    def __init__(
        self,
        split: TrainSplit,
        *,
        modalities: tuple[str, ...],
        maps: tuple[FeatureMap, ...],
        probe: ProbeKind,
        device: torch.device,
    ) -> None:
        """Map the split's arrays.

        Args:
            split: The train split.
            modalities: Modalities whose features are read.
            maps: Maps that are read besides.
            probe: Where the linear probe needs labels.
            device: Where to train.

        Raises:
            ConfigError: If the features were prepared without one of the maps.
        """
        self._device = device
        self._features = [np.asarray(split.features[modality]) for modality in modalities]
        self._neighbours = torch.from_numpy(np.array(split.neighbours))
        #: Rows and columns of tokens (H, W).
        self.grid: tuple[int, int] = self._features[0].shape[1:3]
        self._labels = split.labels
        if split.labels is not None and probe == "token":
            self._labels = token_labels(split.labels, self.grid)
        missing = [each.name for each in maps if each not in split.maps]
        if missing:
            raise ConfigError(
                f"the prepared features lack {', '.join(missing)}, which the method reads: prepare"
                " the features for this configuration"
            )
        self._maps = {each: np.asarray(split.maps[each]) for each in maps}
        self._resident = self._resident_arrays()

    @property
    def labelled(self) -> bool:
        """Whether the split has labels."""
        return self._labels is not None

    def _resident_arrays(self) -> list[Tensor] | None:
        if self._device.type != "cuda":
            return None
        arrays = [*self._features, *self._maps.values()]
        free, _ = torch.cuda.mem_get_info(self._device)
        if sum(array.nbytes for array in arrays) > free // 2:
            return None
        return [torch.from_numpy(np.array(array)).to(self._device) for array in arrays]

    def read(
        self, draws: StepDraws, *, positives: bool, iteration_S: Tensor, iterations: int
    ) -> Batch:
        """Features and maps of the queries and, if requested, of their positives; float32.

        Args:
            draws: The step's draws; only queries and ranks are read.
            positives: Whether the positives follow the queries.
            iteration_S: Number of updates that each slot has made.
            iterations: Number of iterations of the whole run.
        """
        crops_SN = draws.queries_SB
        if positives:
            positives_SB = self._neighbours[draws.queries_SB, draws.ranks_SB]
            crops_SN = torch.cat([crops_SN, positives_SB], dim=1)
        read = self._rows_of(crops_SN)
        features, maps = read[: len(self._features)], read[len(self._features) :]
        return Batch(
            tokens_SMNTC=torch.stack(features, dim=1),
            maps=dict(zip(self._maps, maps, strict=True)),
            grid=self.grid,
            iteration_S=iteration_S,
            iterations=iterations,
        )

    def _rows_of(self, crops_SN: Tensor) -> list[Tensor]:
        """The crops of every array, each with shape (S, N, T, channels), float32."""
        if self._resident is not None:
            indices = send(crops_SN, self._device)
            found = [array[indices] for array in self._resident]
        else:
            rows = crops_SN.numpy()
            arrays = (*self._features, *self._maps.values())
            found = [send(torch.from_numpy(array[rows]), self._device) for array in arrays]
        return [each.float().flatten(2, 3) for each in found]

    def sample(self) -> Tensor:
        """Features of crops spread evenly over the split, on the CPU: (1, M, N, T, C), float32."""
        crops, tokens = len(self._neighbours), self.grid[0] * self.grid[1]
        count = min(crops, max(1, SAMPLE_TOKENS // tokens))
        rows = np.arange(count) * crops // count
        return to_tokens([array[rows] for array in self._features], torch.device("cpu"))

    def labels(self, queries_SB: Tensor) -> Tensor:
        """Classes of the queries with shape (S, B, h, w), or (S, B, H, W) for a token probe."""
        assert self._labels is not None
        return send(torch.from_numpy(self._labels[queries_SB.numpy()]), self._device)
