"""A search space: the knobs that a search turns, fixed for the whole study."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution, FloatDistribution

from trainer.config.toml_records import build_record
from trainer.errors import ConfigError
from trainer.knobs import Knob

__all__ = ["Space"]


@dataclass(frozen=True)
class Space:
    """Names, ranges and untuned values of the parameters of every trial of a study."""

    #: At least one knob, each with a name of its own and a range of some width.
    knobs: tuple[Knob, ...]

    def __post_init__(self) -> None:
        names = [knob.name for knob in self.knobs]
        assert names and len(set(names)) == len(names), "a space needs knobs of different names"
        assert all(knob.low < knob.high for knob in self.knobs), "a knob needs room to turn"
        assert all(knob.low > 0 for knob in self.knobs if knob.log), "a log scale starts above 0"

    @cached_property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's distribution of each parameter, by name."""
        return {
            knob.name: FloatDistribution(low=knob.low, high=knob.high, log=knob.log)
            for knob in self.knobs
        }

    @cached_property
    def defaults(self) -> dict[str, float]:
        """The parameters of a run that was not tuned."""
        return {knob.name: knob.default for knob in self.knobs}

    def check(self, params: Mapping[str, float]) -> dict[str, float]:
        """Return the parameters, all of them, as floats.

        Raises:
            ConfigError: If one is missing, unknown, or out of range.
        """
        names = [knob.name for knob in self.knobs]
        missing = [name for name in names if name not in params]
        unknown = [name for name in params if name not in names]
        for what, wrong in (("missing", missing), ("unknown", unknown)):
            if wrong:
                raise ConfigError(
                    f"parameters do not fit the search space, {what}: {', '.join(wrong)};"
                    f" give exactly {', '.join(names)}"
                )
        return {knob.name: knob.check(params[knob.name]) for knob in self.knobs}

    def to_json(self) -> dict[str, Any]:
        """The space as plain data that JSON can hold."""
        return {"knobs": [dataclasses.asdict(knob) for knob in self.knobs]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Space":
        """The inverse of :meth:`to_json`."""
        return cls(knobs=tuple(build_record(Knob, knob) for knob in data["knobs"]))
