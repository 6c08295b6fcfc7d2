"""The declaration of a search space."""

from collections.abc import Callable
from dataclasses import dataclass

from trainer.config.configuration import TrainConfig
from trainer.hyper_parameters import HyperParameter

__all__ = ["SpaceEntry"]


def _nothing(config: TrainConfig) -> dict[str, float]:
    del config
    return {}


@dataclass(frozen=True, kw_only=True)
class SpaceEntry:
    """A search space before the method and the modalities are known."""

    #: The hyper-parameters that it searches, for the configured method and modalities.
    searched: Callable[[TrainConfig], tuple[HyperParameter, ...]]
    #: The hyper-parameters that it holds at values of its own, with those values.
    held: Callable[[TrainConfig], dict[str, float]] = _nothing
    #: What ``--help`` adds to its name.
    remark: str = ""

    def listed(self, name: str) -> str:
        """How ``--help`` lists it."""
        return f"{name} ({self.remark})" if self.remark else name
