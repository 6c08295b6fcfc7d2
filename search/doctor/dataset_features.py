"""The data set and the weights of the backbone."""

import torch

from search.doctor.better_weights import better_weights, how_to_get_them
from search.doctor.check import Check, failed, ok, warning
from search.doctor.subject import Subject
from trainer.backbones import build_backbone
from trainer.datasets import open_dataset
from trainer.errors import ConfigError, TrainerError, WeightsError

__all__ = ["check_data", "check_weights"]

CORRECT = "correct that setting with its flag, or in the file given by --config"


def check_data(subject: Subject) -> Check:
    """Check the images and labels as a launch does."""
    config = subject.config.train.data
    try:
        data_set = open_dataset(config)
        data_set.source.check()
    except ConfigError as error:
        return failed("data", str(error), CORRECT)
    except TrainerError as error:
        return failed("data", str(error), subject.launch("--data", "FOLDER"))
    images = ", ".join(f"{len(split)} {name}" for name, split in data_set.splits().items())
    found = f"{config.name}, {' + '.join(config.modalities)}: {images} images"
    if subject.config.objective().needs_labels and not data_set.val.labelled:
        return failed(
            "data", f"{found}; val has no labels, so trials cannot be scored",
            "add label files, or search without them:"
            f" {subject.launch('--objective', 'label-free')}",
        )  # fmt: skip
    return ok("data", found)


def check_weights(subject: Subject) -> Check:
    """Load the backbone and its weights as a launch does."""
    config = subject.config.train.backbone
    try:
        backbone = build_backbone(config, torch.device("cpu"))
    except WeightsError as error:
        return failed("weights", str(error), subject.launch("--backbone-weights", "FILE"))
    except TrainerError as error:
        return failed("weights", str(error), subject.launch("--backbone", "patch-stats"))
    found = f"{config.name}: {backbone.channels} channels, tokens of {backbone.patch} pixels"
    if config.name != "patch-stats" and config.weights == "random":
        return warning(
            "weights",
            f"{found}, random weights: the features say little about an image",
            subject.launch("--backbone-weights", "FILE"),
        )
    if better := better_weights(config):
        return warning("weights", f"{found}: {better}", how_to_get_them(subject))
    return ok("weights", found)
