"""``predict``: write masks and overlays for a user's own images, predicted by a checkpoint."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.causes import group_alike
from trainer.commands.setup import at_root, prepare_dataset_features, say, say_notes, show_progress
from trainer.commands.tables import say_table
from trainer.config.paths import user_path
from trainer.datasets import open_dataset
from trainer.datasets.base import Label, Source
from trainer.datasets.exif import turned_note
from trainer.datasets.headers import read_orientation
from trainer.engine.run import Run, config_of
from trainer.errors import ConfigError, DataError
from trainer.features import DatasetFeatures
from trainer.features.extraction import Standard
from trainer.features.prepare import open_backbone
from trainer.figures.colour import picture_palette
from trainer.methods import predicts_from
from trainer.predict import (
    FileRules,
    OwnImage,
    Predictor,
    find_images,
    left_out,
    with_files,
    write_legend,
    write_pictures,
)
from trainer.scoring.naming import Evidence, Naming, name_classes, name_clusters

__all__ = ["PredictRequest", "flat_notes", "predict_images", "read_modalities"]

LOOKED_AT = 8  # images whose pixels are read before the others

Palette = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class PredictRequest:
    """The images to predict, and where to write the results."""

    #: Files or folders of the first modality.
    images: tuple[Path, ...]
    #: Folders of each other modality.
    folders: Mapping[str, tuple[Path, ...]]
    out: Path
    probe: Literal["cluster", "linear"]


def predict_images(
    checkpoint: Path,
    request: PredictRequest,
    *,
    data: Path | None,
    cache: Path | None,
    device: torch.device,
) -> bool:
    """Predict every image that can be read, and print which classes were found.

    Args:
        checkpoint: Folder of the checkpoint.
        request: What to predict.
        data: Folder of the data set, if it was moved.
        cache: Folder of the feature cache; None for the user's own.
        device: Where to compute.

    Returns:
        Whether every image could be read.

    Raises:
        TrainerError: If the checkpoint, its data or its features are missing or damaged, or the
            images do not fit it.
    """
    settings = at_root(config_of(checkpoint), data)
    source = open_dataset(settings.data).source
    needed = with_files(source, predicts_from(settings))
    own = find_images(
        request.images,
        modalities=needed,
        folders=request.folders,
        rules=FileRules.of(source, needed),
    )
    say_notes((*left_out(request.images, own), *_turned_note(own), *flat_notes(own, source)))
    dataset_features = prepare_dataset_features(
        settings, cache=cache, device=device, verify="small"
    )
    run = Run.restore(checkpoint, settings, dataset_features, device)
    iteration = run.load_selected()
    naming = _naming(run, dataset_features, request.probe)
    say(f"weights: after {iteration} iterations; {request.probe} probe")
    say(naming.said)
    predictor = Predictor(
        scored=run.scored(),
        standards=_standards(dataset_features, device),
        backbone=open_backbone(settings, device),
        features=settings.features,
        modalities=settings.data.modalities,
        source=source,
        device=device,
    )
    palette = naming.colours(
        picture_palette(dataset_features.palette, chosen=dataset_features.palette_chosen)
    )
    shares_Y, failed = _predict_all(own, predictor, naming, palette, request)
    _write_legend(request, checkpoint, iteration, naming, palette)
    _say_found(shares_Y, naming, palette, len(own) - failed)
    say(f"written: {request.out}/masks, {request.out}/overlays, {request.out}/classes.json")
    return not failed


def read_modalities(given: Sequence[str]) -> dict[str, tuple[Path, ...]]:
    """Folders by modality, from ``NAME=FOLDER`` or ``NAME=FOLDER,FOLDER``.

    Raises:
        ConfigError: If one has another form, or a modality is given twice.
    """
    folders: dict[str, tuple[Path, ...]] = {}
    for text in given:
        name, equals, paths = text.partition("=")
        if not (name and equals and paths):
            raise ConfigError(f"--modality {text} cannot be read: give --modality NAME=FOLDER")
        if name in folders:
            raise ConfigError(f"--modality {name} is given twice: give its folder once")
        folders[name] = tuple(user_path(path) for path in paths.split(","))
    return folders


def _turned_note(own: tuple[OwnImage, ...]) -> tuple[str, ...]:
    found: dict[str, Counter[int]] = {modality: Counter() for modality in own[0].files}
    for each in own:
        for modality, paths in each.files.items():
            with contextlib.suppress(DataError):  # reported when it is predicted
                found[modality].update(read_orientation(path, late=True) for path in paths)
    return turned_note(found)


def flat_notes(own: Sequence[OwnImage], source: Source) -> Iterator[str]:
    """Lines on modalities of which the images looked at hold nothing, as in a wrong unit."""
    for modality in own[0].files:
        looked = []
        for each in own[:: -(-len(own) // LOOKED_AT)]:
            with contextlib.suppress(DataError):  # reported when it is predicted
                image = source.decode(modality, *each.files[modality])
                looked.append(image.min() == image.max())
        if looked and all(looked):
            yield (
                f"{modality}: every one of {len(looked)} images that were looked at is the same"
                " everywhere; are they in the unit of the images for training?"
            )


def _naming(run: Run, dataset_features: DatasetFeatures, probe: str) -> Naming:
    classes = dataset_features.classes
    if probe == "cluster":
        counts_YZ = run.evaluate(dataset_features.val).cluster_counts_YZ
        return name_clusters(counts_YZ, classes, images=len(dataset_features.val))
    if not run.scored().linear:
        raise DataError(
            "this checkpoint has no trained linear probe, since its train split has no labels:"
            " give --probe cluster"
        )
    return name_classes(
        classes, "classes are those of the linear probe, trained on the labels of the train split"
    )


def _standards(dataset_features: DatasetFeatures, device: torch.device) -> dict[str, Standard]:
    return {
        modality: Standard(rows_4C=torch.from_numpy(rows).to(device))
        for modality, rows in dataset_features.standards.items()
    }


def _predict_all(
    own: tuple[OwnImage, ...],
    predictor: Predictor,
    naming: Naming,
    palette: Palette,
    request: PredictRequest,
) -> tuple[NDArray[np.float64], int]:
    """Share of pixels of each index over all images, and how many images could not be read."""
    refused: list[str] = []
    pixels_Y = np.zeros(len(palette), dtype=np.int64)
    with show_progress() as progress:
        for done, each in enumerate(own, start=1):
            try:
                images = predictor.read(each)
            except DataError as error:
                refused.append(str(error))
            else:
                label: Label = naming.apply(predictor.predict(images, request.probe))
                pixels_Y += np.bincount(label.ravel(), minlength=len(palette))
                anchor = next(iter(images.values()))
                write_pictures(request.out, each.stem, anchor, label, palette)
            progress("predict", done, len(own))
    for alike in group_alike(refused):
        say(f"not predicted: {alike.line}")
    return pixels_Y / max(1, int(pixels_Y.sum())), len(refused)


def _write_legend(
    request: PredictRequest, checkpoint: Path, iteration: int, naming: Naming, palette: Palette
) -> None:
    content = {
        "checkpoint": str(checkpoint),
        "iteration": iteration,
        "probe": request.probe,
        "names": naming.said,
        "classes": naming.entries(palette),
    }
    write_legend(request.out, content)


def _say_found(
    shares_Y: NDArray[np.float64], naming: Naming, palette: Palette, images: int
) -> None:
    order = [index for index in np.argsort(-shares_Y, kind="stable") if shares_Y[index] > 0]
    rows = [
        (
            naming.names[index],
            "#{:02x}{:02x}{:02x}".format(*palette[index]),
            *([_evidence_text(naming.evidence.get(int(index)))] if naming.evidence else []),
            f"{shares_Y[index]:.2%}",
        )
        for index in order
    ]
    evidence = ["of its labelled val pixels"] if naming.evidence else []
    columns = (f"found in {images} images", "colour", *evidence, "share")
    say_table(columns, rows, numbers=1 + len(evidence))


def _evidence_text(evidence: Evidence | None) -> str:
    if evidence is None or not evidence.labelled:
        return "none"
    return f"{evidence.share:.1%} of {evidence.labelled}"
