"""``features``: compute and cache the features of a run."""

from pathlib import Path

import torch

from trainer.commands.setup import prepare_dataset_features, say, say_notes, show_progress
from trainer.config.configuration import TrainConfig
from trainer.features import open_dataset_features, validate
from trainer.features.cache_entry import Verify

__all__ = ["build_features"]


def build_features(
    config: TrainConfig, *, cache: Path | None, device: torch.device, verify: bool
) -> None:
    """Compute and cache features and neighbours, unless they are in the cache.

    Args:
        config: The run.
        cache: Folder of the feature cache; None for the user's own.
        device: Where the backbone runs.
        verify: Whether to compare every byte of the cache entry with its checksum afterwards.

    Raises:
        TrainerError: If data, weights or settings cannot be used, or the disk is full.
    """
    say_notes(validate(config).notes)
    found: Verify = "sizes" if verify else "all"
    prepared = prepare_dataset_features(config, cache=cache, device=device, verify=found)
    say(
        f"{len(prepared.train)} crops, {len(prepared.val)} val and {len(prepared.test)} test"
        f" images of {', '.join(prepared.modalities)}; {prepared.channels} channels per token"
    )
    say(f"feature cache: {prepared.folder}")
    if verify:
        assert prepared.folder is not None, "it was just prepared"
        _verify(prepared.folder)


def _verify(folder: Path) -> None:
    with show_progress() as progress:
        open_dataset_features(
            folder,
            verify="all",
            progress=lambda done, total: progress(
                "compare the features with their checksums", done, total
            ),
        )
    say("verified: every file matches its checksum")
