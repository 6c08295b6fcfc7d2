"""``train-fusion``: train a network that fuses RGB and thermal images into one."""

import dataclasses
from pathlib import Path
from typing import Literal

from trainer.commands.setup import say, show_progress
from trainer.config.configuration import TrainConfig
from trainer.datasets import open_dataset
from trainer.datasets.base import UnknownModality
from trainer.datasets.image_fusion import INPUTS, refuse_without_inputs
from trainer.datasets.image_fusion.swinfusion.network import PUBLISHED, SMALL
from trainer.datasets.image_fusion.swinfusion.training import (
    FusionTraining,
    read_pairs,
    train_network,
)
from trainer.datasets.image_fusion.swinfusion.weights import write_weights

__all__ = ["Size", "train_fusion"]

Size = Literal["small", "published"]


def train_fusion(config: TrainConfig, out: Path, *, size: Size, training: FusionTraining) -> None:
    """Train on the train split of a run's data set, and write the weights.

    Args:
        config: The run, of which only the data set counts.
        out: File to write, in the format safetensors.
        size: Of the network.
        training: How to train.

    Raises:
        ConfigError: If the data set lacks RGB or thermal images, or images are too small.
        DataError: If files are missing or damaged.
        WeightsError: If the file cannot be written.
    """
    try:
        data_set = open_dataset(dataclasses.replace(config.data, modalities=INPUTS))
    except UnknownModality as unknown:
        refuse_without_inputs(
            config.data.name,
            unknown.offered,
            wanted="a fusion network learns",
            advice="give a data set that has both",
        )
        raise
    pairs = read_pairs(data_set, count=training.pairs)
    say(f"{len(pairs)} pairs of {config.data.name}; {training.iterations} iterations")
    losses: list[float] = []
    with show_progress() as progress:

        def note(done: int, loss: float) -> None:
            losses.append(loss)
            progress("train the fusion network", done, training.iterations)

        architecture = {"small": SMALL, "published": PUBLISHED}[size]
        network = train_network(pairs, architecture, training, progress=note)
    write_weights(network, out)
    tenth = max(1, len(losses) // 10)
    first, last = sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth
    say(f"loss: {first:.2f} in the first tenth of the iterations, {last:.2f} in the last")
    say(
        f"{out}: use it with data.fused = 'swinfusion' and"
        f" data.fused_options.weights = {str(out)!r}"
    )
