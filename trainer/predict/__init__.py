"""Images of a user's own, outside any data set: finding, predicting and picturing them."""

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
