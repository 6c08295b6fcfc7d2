"""How scores are said in a line."""

from trainer.records import Scores

__all__ = ["scores_text"]


def scores_text(scores: Scores) -> str:
    """Both means of the IoU and the accuracy, percent."""
    return f"mIoU {scores.miou:.2f} (all {scores.miou_all:.2f}) accuracy {scores.accuracy:.2f}"
