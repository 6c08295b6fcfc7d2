"""Check the data and weights of a search before it starts to work."""

from search.config.configuration import LaunchConfig
from trainer.datasets import DataSet
from trainer.features import require_images, require_labelled, validate

__all__ = ["NO_LABELS_FIX", "check_dataset"]

#: What to do about data that the objective cannot be computed on.
NO_LABELS_FIX = "add label files, or search without them: --objective label-free"


def check_dataset(config: LaunchConfig) -> DataSet:
    """Open the data set, and check that a search can train on it and compute its objective.

    Raises:
        ConfigError, DataError, WeightsError: If it cannot.
    """
    data_set = validate(config.train)
    if config.objective().needs_labels:
        require_labelled(data_set, fix=NO_LABELS_FIX)
    require_images(len(data_set.val), least=config.objective().least_images)
    return data_set
