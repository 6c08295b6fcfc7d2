"""``evaluate``: score a checkpoint on a split."""

from pathlib import Path
from typing import Literal

import torch

from trainer.evaluation import Evaluation
from trainer.features import require_labels
from trainer.run import Run, config_of
from trainer.verbs.lines import iterate_text, protocol_line, scores_text
from trainer.verbs.setup import at_root, prepare_material, say

__all__ = ["evaluate_checkpoint"]


def evaluate_checkpoint(
    checkpoint: Path,
    split: Literal["val", "test"],
    *,
    data: Path | None,
    cache: Path | None,
    device: torch.device,
) -> None:
    """Print both probes' scores of a checkpoint.

    Args:
        checkpoint: Folder of the checkpoint.
        split: What to score it on.
        data: Folder of the data set, if it was moved.
        cache: Folder of the feature cache; None for the user's own.
        device: Where to compute.

    Raises:
        TrainerError: If the checkpoint or its data are missing, damaged or of another kind, or
            the split has no labels.
    """
    settings = at_root(config_of(checkpoint), data)
    material = prepare_material(settings, cache=cache, device=device)
    require_labels(material, split=split, wanted_by="evaluate")
    run = Run.restore(checkpoint, settings, material, device)
    run.take_counted()
    say(protocol_line(settings))
    say(iterate_text(run))
    say(_evaluation_lines(run.evaluate(material.val if split == "val" else material.test), split))


def _evaluation_lines(evaluation: Evaluation, split: str) -> str:
    return (
        f"{split}  cluster {scores_text(evaluation.cluster)}\n"
        f"{split}  linear  {scores_text(evaluation.linear)}"
    )
