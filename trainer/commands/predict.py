"""``predict``: masks and overlays for images of one's own, by a checkpoint."""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.causes import group_alike
from trainer.commands.setup import at_root, prepare_dataset_features, say, say_notes, telling
from trainer.commands.tables import say_table
from trainer.config.paths import user_path
from trainer.datasets import open_dataset
from trainer.datasets.base import Label
from trainer.datasets.exif import turned_note
from trainer.datasets.headers import read_orientation
from trainer.engine.run import Run, config_of
from trainer.errors import ConfigError, DataError
from trainer.features import DatasetFeatures
from trainer.features.extraction import Standard
from trainer.features.prepare import open_backbone
from trainer.figures.colour import picture_palette
from trainer.predict import (
    FileRules,
    OwnImage,
    Predictor,
    find_images,
    left_out,
    write_legend,
    write_pictures,
)
from trainer.scoring.naming import Evidence, Naming, name_classes, name_clusters

__all__ = ["Asked", "predict_images", "read_modalities"]

Palette = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be predicted."""

    #: Files or folders of the anchor modality.
    images: tuple[Path, ...]
    #: Every other modality to its folder or folders.
    folders: Mapping[str, tuple[Path, ...]]
    out: Path
    probe: Literal["cluster", "linear"]


def predict_images(
    checkpoint: Path, asked: Asked, *, data: Path | None, cache: Path | None, device: torch.device
) -> bool:
    """Predict every image, go on over those that cannot be read, and say what was found.

    Args:
        checkpoint: Folder of the checkpoint.
        asked: What is to be predicted.
        data: Folder of the data set, if it was moved.
        cache: Folder of the feature cache; None for the user's own.
        device: Where to compute.

    Returns:
        Whether every image could be read.

    Raises:
        TrainerError: If the checkpoint, its data or its features are missing or damaged, or the
            images do not suit it.
    """
    settings = at_root(config_of(checkpoint), data)
    source = open_dataset(settings.data).source
    own = find_images(
        asked.images,
        modalities=settings.data.modalities,
        folders=asked.folders,
        rules=FileRules.of(source, settings.data.modalities),
    )
    say_notes((*left_out(asked.images, own), *_turned_note(own)))
    dataset_features = prepare_dataset_features(
        settings, cache=cache, device=device, verify="small"
    )
    run = Run.restore(checkpoint, settings, dataset_features, device)
    iteration = run.load_selected()
    naming = _naming(run, dataset_features, asked.probe)
    say(f"iterate: after {iteration} iterations; {asked.probe} probe")
    say(naming.said)
    predictor = Predictor(
        scored=run.scored(),
        standards=_standards(dataset_features, device),
        backbone=open_backbone(settings, device),
        features=settings.features,
        source=source,
        device=device,
    )
    palette = naming.colours(
        picture_palette(dataset_features.palette, chosen=dataset_features.palette_chosen)
    )
    shares_Y, failed = _predict_all(own, predictor, naming, palette, asked)
    _write_legend(asked, checkpoint, iteration, naming, palette)
    _say_found(shares_Y, naming, palette, len(own) - failed)
    say(f"written: {asked.out}/masks, {asked.out}/overlays, {asked.out}/classes.json")
    return not failed


def read_modalities(given: Sequence[str]) -> dict[str, tuple[Path, ...]]:
    """Folders by modality, from ``NAME=FOLDER`` or ``NAME=FOLDER,FOLDER``.

    Raises:
        ConfigError: If one is written otherwise, or a modality is given twice.
    """
    folders: dict[str, tuple[Path, ...]] = {}
    for text in given:
        name, equals, paths = text.partition("=")
        if not (name and equals and paths):
            raise ConfigError(f"--modality {text} is not understood: write --modality NAME=FOLDER")
        if name in folders:
            raise ConfigError(f"--modality {name} is given twice: give its folder once")
        folders[name] = tuple(user_path(path) for path in paths.split(","))
    return folders


def _turned_note(own: tuple[OwnImage, ...]) -> tuple[str, ...]:
    found: dict[str, Counter[int]] = {modality: Counter() for modality in own[0].files}
    for each in own:
        for modality, paths in each.files.items():
            with contextlib.suppress(DataError):  # told when it is to be predicted
                found[modality].update(read_orientation(path, late=True) for path in paths)
    return turned_note(found)


def _naming(run: Run, dataset_features: DatasetFeatures, probe: str) -> Naming:
    classes = dataset_features.classes
    if probe == "cluster":
        counts_YY = run.evaluate(dataset_features.val).cluster_counts_YY
        return name_clusters(counts_YY, classes, images=len(dataset_features.val))
    if not run.scored().linear:
        raise DataError(
            "the linear probe of this checkpoint was not trained, for its train split has no"
            " labels: give --probe cluster"
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
    asked: Asked,
) -> tuple[NDArray[np.float64], int]:
    """Share of each index over all images, and how many could not be read."""
    refused: list[str] = []
    pixels_Y = np.zeros(len(palette), dtype=np.int64)
    with telling() as tell:
        for done, each in enumerate(own, start=1):
            try:
                images = predictor.read(each)
            except DataError as error:
                refused.append(str(error))
            else:
                label: Label = naming.apply(predictor.predict(images, asked.probe))
                pixels_Y += np.bincount(label.ravel(), minlength=len(palette))
                anchor = next(iter(images.values()))
                write_pictures(asked.out, each.stem, anchor, label, palette)
            tell("predict", done, len(own))
    for alike in group_alike(refused):
        say(f"not predicted: {alike.line}")
    return pixels_Y / max(1, int(pixels_Y.sum())), len(refused)


def _write_legend(
    asked: Asked, checkpoint: Path, iteration: int, naming: Naming, palette: Palette
) -> None:
    content = {
        "checkpoint": str(checkpoint),
        "iteration": iteration,
        "probe": asked.probe,
        "names": naming.said,
        "classes": naming.entries(palette),
    }
    write_legend(asked.out, content)


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
