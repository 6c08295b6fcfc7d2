"""Images of a user's own, outside any data set: finding, predicting and picturing them."""

from trainer.predict.finding import OwnImage, find_images
from trainer.predict.naming import Naming, name_clusters
from trainer.predict.pictures import write_legend, write_pictures
from trainer.predict.predictor import Predictor

__all__ = [
    "Naming",
    "OwnImage",
    "Predictor",
    "find_images",
    "name_clusters",
    "write_legend",
    "write_pictures",
]
