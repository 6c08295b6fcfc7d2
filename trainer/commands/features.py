"""``features``: build a feature bank."""

from pathlib import Path

import torch

from trainer.commands.setup import prepare_material, say, say_notes, telling
from trainer.config.configuration import TrainConfig
from trainer.features import open_material, validate
from trainer.features.bank import Verify

__all__ = ["build_features"]


def build_features(
    config: TrainConfig, *, cache: Path | None, device: torch.device, verify: bool
) -> None:
    """Build the bank and the neighbours of a configuration, or find them complete.

    Args:
        config: The run.
        cache: Folder of the feature cache; None for the user's own.
        device: Where the backbone runs.
        verify: Whether to read the bank back from the disk, just built or not, and say so.

    Raises:
        TrainerError: If data, weights or settings are not as needed, or the disk is full.
    """
    say_notes(validate(config).notes)
    found: Verify = "sizes" if verify else "all"
    material = prepare_material(config, cache=cache, device=device, verify=found)
    say(
        f"{len(material.train)} crops, {len(material.val)} val and {len(material.test)} test"
        f" images of {', '.join(material.modalities)}; {material.channels} channels a token"
    )
    say(f"bank: {material.folder}")
    if verify:
        assert material.folder is not None, "it was just prepared"
        _verify(material.folder)


def _verify(folder: Path) -> None:
    with telling() as tell:
        open_material(
            folder,
            verify="all",
            progress=lambda done, total: tell(
                "compare the features with their checksums", done, total
            ),
        )
    say("verified: every byte is as it was written")
