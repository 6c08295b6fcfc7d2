"""Inputs of all figures of a run; costly ones are computed once and shared."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from trainer.figures.components import Basis, Floats
from trainer.figures.maps import FUSED, SHARED, ImageMaps
from trainer.figures.run_view import RunView

__all__ = ["FigureInputs"]


@dataclass(frozen=True, kw_only=True)
class FigureInputs:
    """A run, a second one for comparison, and the images to show."""

    #: The run.
    view: RunView
    #: A run on the same images for comparison; None for none.
    baseline: RunView | None
    #: Indices of the images to show, in the split.
    indices: Sequence[int]

    @property
    def title(self) -> str:
        """Name of the run."""
        return f"{self.view.folder.name}, {self.view.method}"

    @property
    def runs(self) -> list[RunView]:
        """The runs to compare; the main one is last."""
        return [self.view] if self.baseline is None else [self.baseline, self.view]

    @cached_property
    def maps(self) -> list[ImageMaps]:
        """The shown images and their feature maps."""
        return self.view.image_maps(self.indices)

    @cached_property
    def bases(self) -> dict[str, Basis]:
        """One basis per kind of map, over all images, modalities and iterations to show."""
        found: dict[tuple[str, str], list[Floats]] = defaultdict(list)
        for each in self.maps:
            for modality, raw in each.raw.items():
                found["raw", modality].append(raw)
            for made in each.intermediate_maps.values():
                found[FUSED, FUSED].append(made.fused_HWC)
                found["code", SHARED].append(made.code_HWC)
                for modality, specific in made.specific.items():
                    found["specific", modality].append(specific)
            last = each.intermediate_maps[max(each.intermediate_maps)]
            for modality, harmonised in last.harmonised.items():
                found["code", modality].append(harmonised)
            for name, other in last.others.items():
                found[name, name].append(other)
        return {
            kind: Basis.of({group: maps for (of, group), maps in found.items() if of == kind})
            for kind in {kind for kind, _ in found}
        }
