"""``features``: build a feature cache."""

from pathlib import Path

import torch

from trainer.commands.setup import prepare_dataset_features, say, say_notes, telling
from trainer.config.configuration import TrainConfig
from trainer.features import open_dataset_features, validate
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
    made = prepare_dataset_features(config, cache=cache, device=device, verify=found)
    say(
        f"{len(made.train)} crops, {len(made.val)} val and {len(made.test)} test images of"
        f" {', '.join(made.modalities)}; {made.channels} channels per token"
    )
    say(f"feature cache: {made.folder}")
    if verify:
        assert made.folder is not None, "it was just prepared"
        _verify(made.folder)


def _verify(folder: Path) -> None:
    with telling() as tell:
        open_dataset_features(
            folder,
            verify="all",
            progress=lambda done, total: tell(
                "compare the features with their checksums", done, total
            ),
        )
    say("verified: every byte is as it was written")
