"""Prediction of the user's own images: finding files, predicting, and saving pictures."""

from trainer.predict.finding import FileRules, OwnImage, find_images, left_out, with_files
from trainer.predict.pictures import write_legend, write_pictures
from trainer.predict.predictor import Predictor

__all__ = [
    "FileRules",
    "OwnImage",
    "Predictor",
    "find_images",
    "left_out",
    "with_files",
    "write_legend",
    "write_pictures",
]
