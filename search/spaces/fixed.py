"""The space ``fixed``: nothing is searched.

The study has one trial, with the values of ``[hyper]`` and the defaults. It is for methods that
learn nothing, such as K-means, and for values that are known beforehand: they get a study of their
own, so that their results are made and stored like those of a search.
"""

from trainer.config.configuration import TrainConfig
from trainer.hyper_parameters import HyperParameter

__all__ = ["FIXED", "fixed_space"]

#: Its name in the table of spaces.
FIXED = "fixed"


def fixed_space(config: TrainConfig) -> tuple[HyperParameter, ...]:
    """No hyper-parameter at all."""
    del config
    return ()
