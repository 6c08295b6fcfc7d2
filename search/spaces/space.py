"""A search space: the hyper-parameters that a search varies, fixed for the whole study."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trainer.config.toml_records import build_record, record_to_table
from trainer.errors import ConfigError
from trainer.hyper_parameters import HyperParameter

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["Space"]


@dataclass(frozen=True)
class Space:
    """Names, ranges and defaults of the parameters of every trial of a study."""

    #: Names are unique, and no range is empty. Only the space ``fixed`` has none.
    hyper_parameters: tuple[HyperParameter, ...]

    def __post_init__(self) -> None:
        names = [each.name for each in self.hyper_parameters]
        assert len(set(names)) == len(names), "a space needs unique names"
        assert all(each.low < each.high for each in self.hyper_parameters), "a range is empty"
        assert all(each.low > 0 for each in self.hyper_parameters if each.log), (
            "a log scale starts above 0"
        )

    @cached_property
    def distributions(self) -> "dict[str, BaseDistribution]":
        """Optuna's distribution of each parameter, by name."""
        from optuna.distributions import FloatDistribution  # lazily: readers need none

        return {
            each.name: FloatDistribution(low=each.low, high=each.high, log=each.log)
            for each in self.hyper_parameters
        }

    @cached_property
    def defaults(self) -> dict[str, float]:
        """The parameters of an untuned run."""
        return {each.name: each.default for each in self.hyper_parameters}

    def to_unit(self, params: Mapping[str, float]) -> list[float]:
        """Each parameter as a share of its range, from 0 to 1, on its own scale, in order."""
        return [each.share(params[each.name]) for each in self.hyper_parameters]

    def check(self, params: Mapping[str, float]) -> dict[str, float]:
        """Return all parameters as floats.

        Raises:
            ConfigError: If one is missing, unknown, or out of range.
        """
        names = [each.name for each in self.hyper_parameters]
        missing = [name for name in names if name not in params]
        unknown = [name for name in params if name not in names]
        for what, wrong in (("missing", missing), ("unknown", unknown)):
            if wrong:
                raise ConfigError(
                    f"parameters do not fit the search space, {what}: {', '.join(wrong)};"
                    f" give exactly {', '.join(names)}"
                )
        return {each.name: each.check(params[each.name]) for each in self.hyper_parameters}

    def to_json(self) -> dict[str, Any]:
        """The space as JSON data; the key ``knobs`` is that of stored studies."""
        return {"knobs": [record_to_table(each) for each in self.hyper_parameters]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Space":
        """The inverse of :meth:`to_json`."""
        return cls(tuple(build_record(HyperParameter, each) for each in data["knobs"]))
