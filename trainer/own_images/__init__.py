"""Images of a user's own, outside any data set: finding, predicting and picturing them."""

from trainer.own_images.finding import OwnImage, find_images
from trainer.own_images.naming import Naming, name_clusters
from trainer.own_images.pictures import write_legend, write_pictures
from trainer.own_images.predictor import Predictor

__all__ = [
    "Naming",
    "OwnImage",
    "Predictor",
    "find_images",
    "name_clusters",
    "write_legend",
    "write_pictures",
]
