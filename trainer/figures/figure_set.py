"""All figures of a run. A new one is a file and a line in the table."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from trainer.config.toml_records import record_to_table
from trainer.datasets.base import Label
from trainer.figures.canvas import save_figure, style
from trainer.figures.colour import GREY
from trainer.figures.confusion import draw_confusion
from trainer.figures.distribution import draw_distribution
from trainer.figures.figure_inputs import FigureInputs
from trainer.figures.losses import draw_losses
from trainer.figures.maps import ImageMaps, draw_codes, draw_intermediate_maps
from trainer.figures.qualitative_grid import Scene, draw_qualitative_grid
from trainer.figures.run_view import RunView
from trainer.protocols import protocol_text
from trainer.records import Scores

__all__ = ["FIGURES", "draw_figures"]

TRUTH, NO_CLASS = "ground truth", "(clusters without a class)"


def draw_figures(
    view: RunView, baseline: RunView | None, *, indices: Sequence[int], out: Path
) -> Iterator[tuple[Path, Path]]:
    """Draw and save all figures of a run.

    Args:
        view: The run.
        baseline: A run on the same images for comparison; None for none.
        indices: Images of the split to show.
        out: Folder of the files.

    Yields:
        PNG and SVG file of each figure.

    Raises:
        FigureError: If a file cannot be written.
    """
    inputs = FigureInputs(view=view, baseline=baseline, indices=indices)
    with style():
        for draw in FIGURES.values():
            for name, figure in draw(inputs):
                yield save_figure(figure, out, name)


def _losses(inputs: FigureInputs) -> Iterator[tuple[str, Figure]]:
    if inputs.view.run.reports:
        yield "losses", draw_losses(inputs.view.run.reports, inputs.title)


def _classes(inputs: FigureInputs) -> Iterator[tuple[str, Figure]]:
    if inputs.view.labelled:
        yield "classes", _distribution(inputs.runs)


def _confusion(inputs: FigureInputs) -> Iterator[tuple[str, Figure]]:
    if inputs.view.labelled:
        yield from _confusions(inputs.view)


def _grid(inputs: FigureInputs) -> Iterator[tuple[str, Figure]]:
    yield "strips", _qualitative_grid(inputs.runs, inputs.maps, inputs.indices)


def _features(inputs: FigureInputs) -> Iterator[tuple[str, Figure]]:
    for each in inputs.maps:
        yield (
            f"features-{_file_name(each.name)}",
            draw_intermediate_maps(each, inputs.bases, inputs.title),
        )


def _codes(inputs: FigureInputs) -> Iterator[tuple[str, Figure]]:
    yield "codes", draw_codes(inputs.maps, inputs.bases, inputs.title)


#: Figures in order: each entry yields the names of its files and the figures, or nothing if the
#: run has no data for it.
FIGURES: Mapping[str, Callable[[FigureInputs], Iterator[tuple[str, Figure]]]] = {
    "losses": _losses,
    "classes": _classes,
    "confusion": _confusion,
    "qualitative grid": _grid,
    "features": _features,
    "codes": _codes,
}


def _distribution(runs: Sequence[RunView]) -> Figure:
    last = runs[-1]
    classes = last.dataset_features.classes
    counted = {TRUTH: np.append(last.named_counts().sum(axis=1), 0)}
    for run in runs:
        predicted = run.named_counts().sum(axis=0)
        others = predicted[len(classes) :].sum()
        counted[_label_of(run, runs)] = np.append(predicted[: len(classes)], others)
    names = (*classes, NO_CLASS)
    if not any(each[-1] for each in counted.values()):
        names, counted = classes, {name: each[:-1] for name, each in counted.items()}
    return draw_distribution(counted, names, f"{_split_text(last)}, cluster probe")


def _confusions(view: RunView) -> Iterator[tuple[str, Figure]]:
    evaluation, classes = view.evaluation, view.dataset_features.classes
    found = [("cluster", view.named_counts(), view.naming.names, evaluation.cluster)]
    if evaluation.linear_counts_YY.any():
        found.append(("linear", evaluation.linear_counts_YY, classes, evaluation.linear))
    for probe, counts_YZ, names, scores in found:
        title = f"{probe} probe of {view.folder.name}\n{_scores_text(scores)}"
        title = f"{title}\n{_split_text(view)}"
        yield f"confusion-{probe}", draw_confusion(counts_YZ, classes, names, title)


def _qualitative_grid(
    runs: Sequence[RunView], shown: Sequence[ImageMaps], indices: Sequence[int]
) -> Figure:
    last = runs[-1]
    names, palette = last.naming.names, last.palette
    predicted = {_label_of(run, runs): run.class_maps(indices) for run in runs}
    if len(runs) > 1 and last.labelled:  # clusters without a class differ in number between runs
        count = len(last.dataset_features.classes)
        names, palette = (*names[:count], NO_CLASS), (*palette[:count], GREY)
        predicted = {
            name: [np.minimum(each, np.uint8(count)) for each in maps]
            for name, maps in predicted.items()
        }
    truth = last.images.labels
    scenes = []
    for row, index in enumerate(indices):
        labels: dict[str, Label] = {} if truth is None else {TRUTH: np.asarray(truth[index])}
        labels |= {name: maps[row] for name, maps in predicted.items()}
        each = shown[row]
        scenes.append(
            Scene(name=each.name, images=each.images, labels=labels, hatched=each.hatched)
        )
    return draw_qualitative_grid(scenes, names, palette)


def _label_of(run: RunView, runs: Sequence[RunView]) -> str:
    """The heading of a run's predictions: its difference from the other run."""
    other = [each for each in runs if each is not run]
    config = run.run.config
    if all(each.run.config.method.name != config.method.name for each in other):
        return config.method.name
    if all(each.method != run.method for each in other):
        return run.method
    return run.folder.name


def _split_text(view: RunView) -> str:
    protocol = protocol_text(record_to_table(view.run.config))
    return f"{view.split} split, protocol {protocol}"


def _scores_text(scores: Scores) -> str:
    return f"mIoU {scores.miou:.2f} (all {scores.miou_all:.2f}), accuracy {scores.accuracy:.2f}"


def _file_name(name: str) -> str:
    """An image's name as part of a file name."""
    return re.sub(r"[^\w.-]+", "-", name)
