"""Check the data and weights of a search before it starts to work."""

from search.config.configuration import LaunchConfig
from trainer.datasets import DataSet
from trainer.features import require_images, require_labelled, validate

__all__ = ["check_dataset"]


def check_dataset(config: LaunchConfig) -> DataSet:
    """Open the data set, and check that a search can train on it and compute its objective.

    Raises:
        ConfigError, DataError, WeightsError: If it cannot.
    """
    data_set = validate(config.train)
    if config.objective().needs_labels:
        require_labelled(data_set)
    require_images(len(data_set.val), least=config.objective().least_images)
    return data_set
