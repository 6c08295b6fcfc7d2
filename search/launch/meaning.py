"""What the parameters of a study mean, so that trials can move between different spaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.config.configuration import known_config
from search.spaces import Space
from search.spaces.canonical import canonical_vector, parameters_for
from trainer.config.configuration import TrainConfig
from trainer.errors import ConfigError

__all__ = ["Meaning", "train_of", "vector_of"]


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """A search space, and the runs that its parameters belong to."""

    space: Space
    #: None for a study of another version, with settings that this one does not know.
    train: TrainConfig | None

    @classmethod
    def of(cls, config: Mapping[str, Any], space: Space) -> "Meaning":
        """That of a stored study."""
        return cls(space=space, train=train_of(config))

    def vector(self, params: Mapping[str, float]) -> dict[str, float]:
        """The canonical vector of parameters in the space; empty if there is none."""
        if self.train is None:
            return {}
        try:
            return canonical_vector(params, self.train)
        except ConfigError:
            return {}

    def fitting(self, params: Mapping[str, float], source: TrainConfig | None) -> dict[str, float]:
        """The parameters of the space that are the same run.

        Args:
            params: Parameters of any study; those of the space are returned as they are.
            source: The runs that they belong to; None if that is not known.

        Raises:
            ConfigError: If the space has none.
        """
        if source is None or self.train is None or params.keys() == self.space.defaults.keys():
            return self.space.check(params)
        return self.from_vector(vector_of(params, source))

    def from_vector(self, vector: Mapping[str, float]) -> dict[str, float]:
        """The parameters of the space that have a canonical vector.

        Raises:
            ConfigError: If the space has none.
        """
        assert self.train is not None, "a study of this version"
        return parameters_for(vector, self.space, self.train)


def vector_of(params: Mapping[str, float], train: TrainConfig) -> dict[str, float]:
    """The canonical vector of parameters.

    Raises:
        ConfigError: If there is none, or the parameters do not fit the configuration.
    """
    vector = canonical_vector(params, train)
    if not vector:
        raise ConfigError("its lambda_random is 0, so that its weights have no ratio to it")
    return vector


def train_of(config: Mapping[str, Any] | None) -> TrainConfig | None:
    """The runs of a stored configuration; None if there is none that this version knows."""
    known = None if config is None else known_config(config)
    return None if known is None else known.train
