"""Prediction of the user's own images: finding files, predicting, and saving pictures."""

from trainer.predict.finding import FileRules, OwnImage, find_images, left_out
from trainer.predict.pictures import write_legend, write_pictures
from trainer.predict.predictor import Predictor

__all__ = [
    "FileRules",
    "OwnImage",
    "Predictor",
    "find_images",
    "left_out",
    "write_legend",
    "write_pictures",
]
