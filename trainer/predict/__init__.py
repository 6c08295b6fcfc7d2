"""Images of a user's own, outside any data set: finding, predicting and picturing them."""

from trainer.predict.finding import OwnImage, find_images
from trainer.predict.pictures import write_legend, write_pictures
from trainer.predict.predictor import Predictor

__all__ = [
    "OwnImage",
    "Predictor",
    "find_images",
    "write_legend",
    "write_pictures",
]
