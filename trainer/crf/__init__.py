"""Dense conditional random field: sharpens predictions along the edges of the RGB image."""

from trainer.crf.mean_field import CrfSettings, refine

__all__ = ["CrfSettings", "refine"]
