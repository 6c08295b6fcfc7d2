"""One-line texts for scores, the protocol, the selected weights and memory."""

import math
import resource
import sys

import torch

from trainer.commands.tables import NONE
from trainer.config.configuration import TrainConfig
from trainer.config.toml_records import record_to_table
from trainer.console.sizes import bytes_text
from trainer.engine.run import Run, best_report
from trainer.protocols import protocol_text
from trainer.records import Scores

__all__ = ["memory_text", "percent_text", "protocol_line", "scores_text", "weights_text"]

RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes per unit of ru_maxrss


def scores_text(scores: Scores) -> str:
    """Both mean IoUs and the accuracy in percent; dashes if there are no labels."""
    miou, miou_all, accuracy = map(percent_text, (scores.miou, scores.miou_all, scores.accuracy))
    return f"mIoU {miou} (all {miou_all}) accuracy {accuracy}"


def percent_text(score: float) -> str:
    """A score, or a dash if it is undefined."""
    return NONE if math.isnan(score) else f"{score:.2f}"


def protocol_line(config: TrainConfig) -> str:
    """The protocol by which the numbers that follow are made."""
    return f"protocol: {protocol_text(record_to_table(config))}"


def weights_text(run: Run) -> str:
    """Which weights of a run are scored, and how they were selected."""
    if run.config.evaluation.report == "last" or not run.reports:
        return f"weights: the last, after {run.iteration} iterations"
    best = best_report(run.reports)
    return (
        f"weights: the best of {len(run.reports)} evaluations on val, after {best.iteration}"
        f" iterations: cluster {scores_text(best.cluster)}"
    )


def memory_text(device: torch.device) -> str:
    """Peak memory of this process, including pages of the memory-mapped features."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT
    text = f"memory: at most {bytes_text(peak)}"
    if device.type == "cuda":
        text += f", and {bytes_text(torch.cuda.max_memory_allocated(device))} of the GPU's"
    return text
