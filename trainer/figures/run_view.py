"""View of a run for figures: its predictions and feature maps for some images.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.datasets.base import Label
from trainer.engine.run import Run
from trainer.engine.snapshots import find_snapshots
from trainer.features import DatasetFeatures, TestSplit, ValSplit
from trainer.features.pictures import Pictures
from trainer.features.tokens import to_tokens
from trainer.figures.colour import Colour, hatch_holes, picture_palette
from trainer.figures.components import Floats
from trainer.figures.maps import ImageMaps, IterationMaps
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.naming import Naming, name_clusters
from trainer.scoring.prediction import Scored, codes_of, predict

__all__ = ["RunView", "same_images"]


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One run on one split, with the selected weights."""

    folder: Path
    run: Run
    dataset_features: DatasetFeatures
    split: Literal["val", "test"]
    #: Iteration of the selected weights.
    iteration: int
    evaluation: Evaluation
    device: torch.device

    @classmethod
    def of(
        cls,
        folder: Path,
        run: Run,
        dataset_features: DatasetFeatures,
        split: Literal["val", "test"],
        device: torch.device,
    ) -> "RunView":
        """A run, with its selected weights, scored."""
        iteration = run.load_selected()
        return cls(
            folder=folder,
            run=run,
            dataset_features=dataset_features,
            split=split,
            iteration=iteration,
            evaluation=run.evaluate(dataset_features.evaluated(split)),
            device=device,
        )

    @property
    def images(self) -> ValSplit | TestSplit:
        """The split's images."""
        return self.dataset_features.evaluated(self.split)

    @property
    def labelled(self) -> bool:
        """Whether clusters can be named, which needs the labels of the split."""
        return bool(self.evaluation.cluster_counts_YY.any())

    @property
    def method(self) -> str:
        """Its name beside another run."""
        config = self.run.config
        return f"{config.method.name}, {' + '.join(config.data.modalities)}"

    @property
    def naming(self) -> Naming:
        """Names of the clusters according to the labels of the split."""
        return name_clusters(
            self.evaluation.cluster_counts_YY,
            self.dataset_features.classes,
            images=len(self.images),
            split=self.split,
        )

    @property
    def palette(self) -> tuple[Colour, ...]:
        """One colour per name."""
        own = picture_palette(
            self.dataset_features.palette, chosen=self.dataset_features.palette_chosen
        )
        return self.naming.colours(own)

    def named_counts(self) -> NDArray[np.int64]:
        """Labelled pixels of each class (row) in the cluster of each name (column)."""
        counts_YY, naming = self.evaluation.cluster_counts_YY, self.naming
        named = np.zeros((len(counts_YY), len(naming.names)), dtype=np.int64)
        named[:, naming.index_of_cluster_Y] = counts_YY
        return named

    def class_maps(self, indices: Sequence[int]) -> list[Label]:
        """Predictions of the cluster probe: indices of :attr:`naming`."""
        labels, grid = self.images.labels, self._grid()
        side = self.run.config.features.eval_resolution
        size = (side, side) if labels is None else (labels.shape[1], labels.shape[2])
        scored = self.run.scored()
        maps = self._features(indices)
        with torch.no_grad():
            codes = codes_of(scored, maps, self.dataset_features.modalities, self.device)
            made = predict(codes, scored, grid=grid, size=size)
        clusters_Nhw = made.clusters_Nhw.cpu().numpy()
        return list(self.naming.apply(clusters_Nhw))

    def image_maps(self, indices: Sequence[int]) -> list[ImageMaps]:
        """Images and their feature maps, at every snapshot and with the selected weights."""
        config = self.run.config
        pictures = Pictures.open(config.data, config.features, self.images.names)
        raw = self._features(indices)
        intermediate_maps = {
            iteration: self._intermediate_maps(scored, raw)
            for iteration, scored in self._scored_by_iteration().items()
        }
        modalities = self.dataset_features.modalities
        holes = [
            {modality: pictures.holes(index, modality) for modality in modalities}
            for index in indices
        ]
        return [
            ImageMaps(
                name=self.images.names[index],
                images={
                    modality: hatch_holes(pictures.square(index, modality), holes[row][modality])
                    for modality in modalities
                },
                hatched=any(each is not None for each in holes[row].values()),
                raw={modality: raw[modality][row] for modality in modalities},
                intermediate_maps={
                    iteration: made[row] for iteration, made in intermediate_maps.items()
                },
            )
            for row, index in enumerate(indices)
        ]

    def _features(self, indices: Sequence[int]) -> dict[str, Floats]:
        """Frozen features of images, by modality, with shape (N, H, W, C)."""
        return {name: maps[list(indices)] for name, maps in self.images.features.items()}

    def _grid(self) -> tuple[int, int]:
        shape = self.images.features[self.dataset_features.modalities[0]].shape
        return shape[1], shape[2]

    def _scored_by_iteration(self) -> dict[int, Scored]:
        """The model at every snapshot and with the selected weights, by iteration."""
        found = {
            iteration: Run.restore(
                folder, self.run.config, self.dataset_features, self.device
            ).scored()
            for iteration, folder in find_snapshots(self.folder).items()
        }
        return dict(sorted((found | {self.iteration: self.run.scored()}).items()))

    @torch.no_grad()
    def _intermediate_maps(self, scored: Scored, raw: Mapping[str, Floats]) -> list[IterationMaps]:
        tokens = to_tokens([raw[name] for name in self.dataset_features.modalities], self.device)
        made = scored.method.intermediate_maps(scored.parameters, scored.buffers, tokens)

        def maps(values_NTC: Tensor) -> Floats:
            return torch.unflatten(values_NTC, 1, self._grid()).cpu().numpy()

        specific = {name: maps(values) for name, values in made.specific.items()}
        harmonised = {name: maps(values) for name, values in made.harmonised.items()}
        others = {name: maps(values) for name, values in made.others.items()}
        fused, code = maps(made.fused_NTC), maps(made.code_NTK)
        return [
            IterationMaps(
                specific={name: values[row] for name, values in specific.items()},
                fused_HWC=fused[row],
                code_HWC=code[row],
                harmonised={name: values[row] for name, values in harmonised.items()},
                others={name: values[row] for name, values in others.items()},
            )
            for row in range(len(fused))
        ]


def same_images(one: RunView, other: RunView) -> bool:
    """Whether two runs were scored on the same images and classes."""
    return (one.images.names, one.dataset_features.classes) == (
        other.images.names,
        other.dataset_features.classes,
    )
