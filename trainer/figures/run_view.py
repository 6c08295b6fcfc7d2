"""View of a run for figures: its predictions and feature maps for some images.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from trainer.engine.run import Run
from trainer.engine.snapshots import find_snapshots
from trainer.features import DatasetFeatures
from trainer.features.tokens import to_tokens
from trainer.figures.components import Floats
from trainer.figures.maps import ImageMaps, IterationMaps
from trainer.figures.run_predictions import RunPredictions
from trainer.figures.shown_images import read_images
from trainer.scoring.prediction import Scored

__all__ = ["RunView", "same_images"]


@dataclass(frozen=True, kw_only=True)
class RunView(RunPredictions):
    """One run on one split, with the selected weights."""

    folder: Path
    #: Iteration of the selected weights.
    iteration: int

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
    def method(self) -> str:
        """Its name beside another run."""
        config = self.run.config
        return f"{config.method.name}, {' + '.join(config.data.modalities)}"

    def image_maps(self, indices: Sequence[int]) -> list[ImageMaps]:
        """Images and their feature maps, at every snapshot and with the selected weights."""
        modalities = self.dataset_features.modalities
        shown = read_images(self.run.config, modalities, self.images.names, indices)
        raw = self.features(indices)
        intermediate_maps = {
            iteration: self._intermediate_maps(scored, raw)
            for iteration, scored in self._scored_by_iteration().items()
        }
        return [
            ImageMaps(
                name=each.name,
                images=each.images,
                hatched=each.hatched,
                raw={modality: raw[modality][row] for modality in modalities},
                intermediate_maps={
                    iteration: made[row] for iteration, made in intermediate_maps.items()
                },
            )
            for row, each in enumerate(shown)
        ]

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
            return torch.unflatten(values_NTC, 1, self.grid).cpu().numpy()

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
