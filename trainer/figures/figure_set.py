"""All figures of a run, one after the other."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from trainer.config.toml_records import record_to_table
from trainer.datasets.base import Label
from trainer.figures.canvas import save_figure, style
from trainer.figures.colour import GREY
from trainer.figures.components import Basis, Floats
from trainer.figures.confusion import draw_confusion
from trainer.figures.distribution import draw_distribution
from trainer.figures.losses import draw_losses
from trainer.figures.maps import FUSED, SHARED, ImageMaps, draw_codes, draw_stages
from trainer.figures.qualitative_grid import Strip, draw_strips
from trainer.figures.run_view import Subject
from trainer.protocols import protocol_text
from trainer.records import Scores

__all__ = ["draw_album"]

TRUTH, NO_CLASS = "ground truth", "(clusters without a class)"


def draw_album(
    subject: Subject, baseline: Subject | None, *, places: Sequence[int], out: Path
) -> Iterator[tuple[Path, Path]]:
    """Draw what there is to show of a run, and write it.

    Args:
        subject: The run.
        baseline: A run on the same images that is shown beside; None for none.
        places: Images of the split that are shown.
        out: Folder of the files.

    Yields:
        PNG and SVG file of each figure.

    Raises:
        FigureError: If a file cannot be written.
    """
    for name, figure in _figures(subject, baseline, places):
        with style():
            yield save_figure(figure, out, name)


def _figures(
    subject: Subject, baseline: Subject | None, places: Sequence[int]
) -> Iterator[tuple[str, Figure]]:
    title = f"{subject.folder.name}, {subject.method}"
    runs = [subject] if baseline is None else [baseline, subject]
    with style():
        if subject.run.reports:
            yield "losses", draw_losses(subject.run.reports, title)
        if subject.labelled:
            yield "classes", _distribution(runs)
            yield from _confusions(subject)
        shown = subject.image_maps(places)
        yield "strips", _strips(runs, shown, places)
        bases = _bases(shown)
        for each in shown:
            yield f"features-{_file_name(each.name)}", draw_stages(each, bases, title)
        yield "codes", draw_codes(shown, bases["code"], title)


def _distribution(runs: Sequence[Subject]) -> Figure:
    last = runs[-1]
    classes = last.material.classes
    counted = {TRUTH: np.append(last.named_counts().sum(axis=1), 0)}
    for run in runs:
        predicted = run.named_counts().sum(axis=0)
        others = predicted[len(classes) :].sum()
        counted[_label_of(run, runs)] = np.append(predicted[: len(classes)], others)
    names = (*classes, NO_CLASS)
    if not any(each[-1] for each in counted.values()):
        names, counted = classes, {name: each[:-1] for name, each in counted.items()}
    return draw_distribution(counted, names, f"{_split_text(last)}, cluster probe")


def _confusions(subject: Subject) -> Iterator[tuple[str, Figure]]:
    evaluation, classes = subject.evaluation, subject.material.classes
    found = [("cluster", subject.named_counts(), subject.naming.names, evaluation.cluster)]
    if evaluation.linear_counts_YY.any():
        found.append(("linear", evaluation.linear_counts_YY, classes, evaluation.linear))
    for probe, counts_YZ, names, scores in found:
        title = f"{probe} probe of {subject.folder.name}\n{_scores_text(scores)}"
        title = f"{title}\n{_split_text(subject)}"
        yield f"confusion-{probe}", draw_confusion(counts_YZ, classes, names, title)


def _strips(runs: Sequence[Subject], shown: Sequence[ImageMaps], places: Sequence[int]) -> Figure:
    last = runs[-1]
    names, palette = last.naming.names, last.palette
    predicted = {_label_of(run, runs): run.class_maps(places) for run in runs}
    if len(runs) > 1 and last.labelled:  # clusters that are no class have other numbers in each
        count = len(last.material.classes)
        names, palette = (*names[:count], NO_CLASS), (*palette[:count], GREY)
        predicted = {
            name: [np.minimum(each, np.uint8(count)) for each in maps]
            for name, maps in predicted.items()
        }
    truth = last.images.labels
    strips = []
    for row, place in enumerate(places):
        labels: dict[str, Label] = {} if truth is None else {TRUTH: np.asarray(truth[place])}
        labels |= {name: maps[row] for name, maps in predicted.items()}
        each = shown[row]
        strips.append(
            Strip(name=each.name, images=each.images, labels=labels, hatched=each.hatched)
        )
    return draw_strips(strips, names, palette)


def _bases(shown: Sequence[ImageMaps]) -> dict[str, Basis]:
    """One basis a kind of map, over all images, modalities and iterations that are shown."""
    found: dict[tuple[str, str], list[Floats]] = defaultdict(list)
    for each in shown:
        for modality, raw in each.raw.items():
            found["raw", modality].append(raw)
        for made in each.stages.values():
            found[FUSED, FUSED].append(made.fused_HWC)
            found["code", SHARED].append(made.code_HWC)
            for modality, specific in made.specific.items():
                found["specific", modality].append(specific)
        last = each.stages[max(each.stages)]
        for modality, harmonised in last.harmonised.items():
            found["code", modality].append(harmonised)
    return {
        kind: Basis.of({group: maps for (of, group), maps in found.items() if of == kind})
        for kind in {kind for kind, _ in found}
    }


def _label_of(run: Subject, runs: Sequence[Subject]) -> str:
    """How a run's predictions are headed: by what tells it from the other."""
    other = [each for each in runs if each is not run]
    config = run.run.config
    if all(each.run.config.method.name != config.method.name for each in other):
        return config.method.name
    if all(each.method != run.method for each in other):
        return run.method
    return run.folder.name


def _split_text(subject: Subject) -> str:
    protocol = protocol_text(record_to_table(subject.run.config))
    return f"{subject.split} split, protocol {protocol}"


def _scores_text(scores: Scores) -> str:
    return f"mIoU {scores.miou:.2f} (all {scores.miou_all:.2f}), accuracy {scores.accuracy:.2f}"


def _file_name(name: str) -> str:
    """An image's name as part of a file's."""
    return re.sub(r"[^\w.-]+", "-", name)
