"""What a search needs of its data and weights, looked at before any work is spent."""

from search.config.configuration import LaunchConfig
from trainer.datasets import DataSet
from trainer.features import require_labelled, validate

__all__ = ["check_dataset"]


def check_dataset(config: LaunchConfig) -> DataSet:
    """The data set, if a search can train on it and its objective can be computed on it.

    Raises:
        ConfigError, DataError, WeightsError: In one line, if it cannot.
    """
    data_set = validate(config.train)
    if config.objective().needs_labels:
        require_labelled(data_set)
    return data_set
