"""Settings of runs that take a moment: four scenes, a few iterations."""

from typing import Any

__all__ = ["TINY", "tiny"]


def tiny(*, iterations: int, evaluations: int) -> dict[str, Any]:
    """Tables that override the preset ``rooms``."""
    return {
        "data": {"options": {"train": 4, "val": 2, "test": 2, "size": 64}},
        "features": {"train_resolution": 32, "eval_resolution": 64},
        "training": {
            "iterations": iterations, "batch_size": 4, "samples": 3, "random_draws": 2,
        },
        "evaluation": {"evaluations": evaluations},
    }  # fmt: skip


TINY = tiny(iterations=4, evaluations=4)
