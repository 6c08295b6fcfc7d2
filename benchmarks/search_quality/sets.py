"""The sets whose runs are recorded, and what their runs have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trainer.config.layers import lay_over

__all__ = ["COMMON", "SETS", "Kind", "RecordedSet"]

Kind = Literal["run", "defaults", "kmeans"]

#: What all runs of a set share, by the names in its first record; others are not comparable.
COMMON = ("iterations", "evaluations", "backbone", "space", "images")


@dataclass(frozen=True, kw_only=True)
class RecordedSet:
    """What is trained on one data set."""

    preset: str
    #: Settings over the preset: a budget that suits one core.
    tables: Mapping[str, Any] = field(default_factory=dict)
    #: How much is recorded unless the command says otherwise.
    settings: int
    seeds: int
    #: Whether it needs ``--data`` and ``--weights``.
    data: bool = True
    weights: bool = False


def _budget(iterations: int, evaluations: int) -> dict[str, Any]:
    return {
        "training": {"iterations": iterations},
        "evaluation": {"evaluations": evaluations},
    }


#: Every set by name.
SETS: Mapping[str, RecordedSet] = {
    "rooms": RecordedSet(preset="rooms", settings=200, seeds=3, data=False),
    "nyu": RecordedSet(
        preset="nyu-cpu",
        tables=lay_over(_budget(60, 6), {"method": {"options": {"start": "identity"}}}),
        settings=100,
        seeds=2,
    ),
    "nyu-vit": RecordedSet(
        preset="nyu-s14",
        # the preset's steps are made for a GPU
        tables=lay_over(
            _budget(60, 6),
            {
                "training": {
                    "batch_size": 8,
                    "samples": 7,
                    "learning_rate": 2e-3,
                    "linear_probe": "token",
                }
            },
        ),
        settings=60,
        seeds=1,
        weights=True,
    ),
    "weedmap": RecordedSet(
        preset="own",
        tables=lay_over(
            _budget(60, 6), {"features": {"train_resolution": 160}, "training": {"batch_size": 4}}
        ),
        settings=60,
        seeds=2,
    ),
    "cityscapes": RecordedSet(
        preset="cityscapes-rgbd",
        tables=lay_over(_budget(100, 8), {"backbone": {"name": "efficientnet-lite0"}}),
        settings=60,
        seeds=2,
    ),
}
