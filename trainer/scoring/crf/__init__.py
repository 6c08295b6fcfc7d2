"""Dense conditional random field: sharpens predictions along the edges of the RGB image."""

from trainer.scoring.crf.mean_field import CrfSettings, refine

__all__ = ["CrfSettings", "refine"]
