"""``features``: build a feature bank."""

from pathlib import Path

import torch

from trainer.config import TrainConfig
from trainer.features import validate
from trainer.verbs.setup import prepare_material, say, say_notes

__all__ = ["build_features"]


def build_features(config: TrainConfig, *, cache: Path | None, device: torch.device) -> None:
    """Build the bank and the neighbours of a configuration, or find them complete.

    Raises:
        TrainerError: If data, weights or settings are not as needed, or the disk is full.
    """
    validate(config)
    say_notes(config.data)
    material = prepare_material(config, cache=cache, device=device)
    say(
        f"{len(material.train)} crops, {len(material.val)} val and {len(material.test)} test"
        f" images of {', '.join(material.modalities)}; {material.channels} channels a token"
    )
    say(f"bank: {material.folder}")
