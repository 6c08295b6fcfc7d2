"""``figures``: draw figures of a run as PNG and SVG files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from trainer.commands.setup import at_root, prepare_dataset_features, say
from trainer.engine.run import Run, config_of
from trainer.errors import ConfigError
from trainer.figures.installed import require_matplotlib

__all__ = ["FigureSet", "draw_figures"]


@dataclass(frozen=True, kw_only=True)
class FigureSet:
    """The figures to draw, and where to write them."""

    out: Path
    split: Literal["val", "test"]
    #: Number of images to show, spread evenly over the split.
    images: int
    #: Folder of the checkpoint of a run to compare with; None for none.
    baseline: Path | None


def draw_figures(
    checkpoint: Path,
    figure_set: FigureSet,
    *,
    data: Path | None,
    cache: Path | None,
    device: torch.device,
) -> None:
    """Draw all figures of a run and print the names of the files.

    Args:
        checkpoint: Folder of the checkpoint.
        figure_set: The figures to draw.
        data: Folder of the data set, if it was moved.
        cache: Folder of the feature cache; None for the user's own.
        device: Where to compute.

    Raises:
        TrainerError: If Matplotlib is not installed, or a checkpoint or its data are missing,
            damaged or do not match.
    """
    require_matplotlib()
    from trainer.figures.figure_set import draw_figures  # lazily: needs Matplotlib
    from trainer.figures.run_predictions import spread
    from trainer.figures.run_view import RunView, same_images  # lazily: needs Matplotlib

    def open_run(folder: Path) -> RunView:
        settings = at_root(config_of(folder), data)
        dataset_features = prepare_dataset_features(
            settings, cache=cache, device=device, verify="small"
        )
        run = Run.restore(folder, settings, dataset_features, device)
        return RunView.of(folder, run, dataset_features, figure_set.split, device)

    view = open_run(checkpoint)
    baseline = None if figure_set.baseline is None else open_run(figure_set.baseline)
    if baseline is not None and not same_images(view, baseline):
        raise ConfigError(
            f"--baseline {figure_set.baseline} was run on other images or classes than"
            f" {checkpoint}: give a run on the same data set"
        )
    indices = spread(len(view.images), figure_set.images)
    for paths in draw_figures(view, baseline, indices=indices, out=figure_set.out):
        say(f"{paths[0]}  {paths[1].name}")
