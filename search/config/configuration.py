"""The configuration of a search: a preset, overridden by a TOML file, then by flags.

``trainer/config/sources.py`` chooses the preset. A file may have the table ``[search]`` besides
the tables of a training run (``trainer/config/configuration.py``).
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.config.presets import read_preset
from search.config.protocols import PUBLISHED_SEARCH, check_cadence
from search.errors import SearchError, SettingsError
from search.objectives import DEFAULT_OBJECTIVE, OBJECTIVES, Objective, find_objective
from search.pruners import PRUNERS, CollapseRules, Pruner, build_pruner
from search.samplers import FIRST_SAMPLER, FORMER_SAMPLERS, SAMPLERS, find_sampler
from search.spaces import FIXED, SPACES, Space, build_space, declared_in, held_values, tunable
from search.spaces.ranges import check_name, check_range
from trainer.config.choices import choice
from trainer.config.configuration import TrainConfig
from trainer.config.layers import SEARCH, fitting, inner, lay_over, settings_in_place
from trainer.config.sources import Layers, read_layers
from trainer.config.toml_records import build_record, flat_table, record_to_table
from trainer.errors import TrainerError
from trainer.hyper_parameters import HyperParameter
from trainer.methods import hyper_values
from trainer.protocols import lay_protocol

__all__ = [
    "MOST_TRIALS",
    "LaunchConfig",
    "SearchConfig",
    "continued",
    "differences",
    "known_config",
    "resolve",
    "resolve_layers",
]

MOST_TRIALS = 1_000_000

#: Paths that may differ between the hosts of a study; fingerprints identify the content.
PATHS = ("data.root", "backbone.weights")
#: Settings that depend on a name and are dropped with it: see ``fitting``.
IMPLIED = {"data.name": ("data.options.",), "method.name": ("method.options.", "hyper.")}


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Settings of the search: the table ``[search]``."""

    #: Number of trials to finish (complete or pruned).
    trials: int = 200
    #: Seed of the sampler and, with the number of a trial, of its training run.
    seed: int = 0
    #: Name of the objective, which the search maximises.
    objective: str = choice(DEFAULT_OBJECTIVE, OBJECTIVES)
    #: Name of the search space.
    space: str = choice("paper", SPACES)
    #: Ranges by name, as ``[low, high]``. They replace those of the space. A name that the
    #: space lacks, such as ``learning_rate``, is searched as well.
    ranges: dict[str, tuple[float, ...]] = field(default_factory=dict)
    #: Name of the sampler, or ``hub:NAME`` for one of OptunaHub.
    sampler: str = choice("tpe-univariate", SAMPLERS)
    #: Name of the pruner. The collapse rules always apply as well.
    pruner: str = choice("competitive", PRUNERS)
    #: Options of that pruner, by name.
    pruner_options: dict[str, Any] = field(default_factory=dict)
    #: Thresholds of the collapse rules.
    collapse: CollapseRules = field(default_factory=CollapseRules)
    #: How often a trial is tried again after errors of its own.
    max_retries: int = 2

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise SettingsError(f"--trials {self.trials} is too small: give 1 or more")
        if self.trials > MOST_TRIALS:
            raise SettingsError(f"--trials {self.trials} is too large: give up to {MOST_TRIALS}")
        if not 0 <= self.seed < 2**63:
            raise SettingsError(f"--seed {self.seed} is out of range: give 0 to 2**63 - 1")
        if self.max_retries < 0:
            raise SettingsError(
                f"search.max_retries = {self.max_retries} is too small: give 0 or more"
            )
        for name, given in self.ranges.items():
            check_range(name, given)

    @classmethod
    def present_names(cls, table: Mapping[str, Any]) -> dict[str, Any]:
        """The table with the present name of its sampler."""
        given = table.get("sampler")
        if not isinstance(given, str):
            return dict(table)
        return {**table, "sampler": FORMER_SAMPLERS.get(given, given)}


@dataclass(frozen=True, kw_only=True)
class LaunchConfig:
    """The configuration of a search and of its training runs."""

    search: SearchConfig = field(default_factory=SearchConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        for name in self.train.hyper:
            check_name(name, tunable(self.train), "--fix ([hyper])")
        hyper_values(self.train)
        check_cadence(self.train)
        self.space()
        self.objective()
        find_sampler(self.search.sampler)
        self.pruner()
        self._check_selection()
        self._check_trials()

    def _check_trials(self) -> None:
        """Refuse several trials that would all have the same parameters."""
        if self.search.space == FIXED and self.search.trials > 1:
            raise SettingsError(
                f"--trials {self.search.trials} would all be the same, since search.space ="
                f" {FIXED!r} searches nothing: give --trials 1"
            )

    def _check_selection(self) -> None:
        """Refuse an objective without labels for runs whose weights are selected by labels."""
        if self.train.evaluation.report == "best" and not self.objective().needs_labels:
            raise SettingsError(
                "evaluation.report = 'best' selects weights by labels, which objective"
                f" {self.search.objective!r} does not read: set evaluation.report to 'last' or"
                " choose another objective"
            )

    def space(self) -> Space:
        """The search space, without the hyper-parameters that ``[hyper]`` fixes."""
        return build_space(self.search.space, self.train, self.search.ranges)

    def objective(self) -> Objective:
        """The objective, which the search maximises."""
        return find_objective(self.search.objective)

    def pruner(self) -> Pruner:
        """The pruner with its options."""
        search, evaluations = self.search, self.train.evaluation.evaluations
        return build_pruner(search.pruner, evaluations, search.pruner_options)

    def declared(self) -> dict[str, HyperParameter]:
        """What can be searched or fixed, as the method and the space declare it."""
        return declared_in(self.search.space, self.train)

    def moved_defaults(self) -> dict[str, float]:
        """Defaults outside their ranges; trial 0 has the nearest value in the range instead."""
        declared = self.declared()
        return {
            parameter.name: declared[parameter.name].default
            for parameter in self.space().hyper_parameters
            if parameter.default != declared[parameter.name].default
        }

    def to_table(self) -> dict[str, Any]:
        """The whole resolved configuration as plain tables.

        Without the values that the space holds: they follow from its name, so that another space
        is free of them.
        """
        held = held_values(self.search.space, self.train)
        given = {name: value for name, value in self.train.hyper.items() if name not in held}
        train = dataclasses.replace(self.train, hyper=given)
        return {"search": record_to_table(self.search), **record_to_table(train)}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "LaunchConfig":
        """Build and check a configuration.

        Settings that may differ between trials, such as ``learning_rate``, can be fixed in
        ``[hyper]`` like hyper-parameters of the method.

        Raises:
            ConfigError, SettingsError: If a setting is invalid.
        """
        search = build_record(SearchConfig, table.get("search", {}), "search")
        train = {key: value for key, value in table.items() if key != "search"}
        if isinstance(train.get("hyper"), Mapping):
            _refuse_both(train["hyper"], search.ranges)
            train = settings_in_place(train)
        return cls(search=search, train=_holding(search.space, build_record(TrainConfig, train)))

    @classmethod
    def from_stored(cls, table: Mapping[str, Any]) -> "LaunchConfig":
        """The same for a stored study; a setting that is not stored has its default of then.

        Raises:
            ConfigError, SettingsError: If a setting is invalid.
        """
        return cls.from_table(lay_over({SEARCH: {"sampler": FIRST_SAMPLER}}, table))


def known_config(table: Mapping[str, Any]) -> LaunchConfig | None:
    """A stored configuration; None if another version stored settings that this one refuses."""
    try:
        return LaunchConfig.from_stored(table)
    except (SearchError, TrainerError):
        return None


def _holding(space: str, train: TrainConfig) -> TrainConfig:
    """The run with the values that the space holds.

    Raises:
        SettingsError: If another value is given for one of them.
    """
    held = held_values(space, train)
    for name, value in held.items():
        if train.hyper.get(name, value) != value:
            raise SettingsError(
                f"--fix {name} ([hyper]) = {train.hyper[name]:g}: search.space = {space!r} holds"
                f" it at {value:g}, since only ratios to it matter; leave it out"
            )
    return dataclasses.replace(train, hyper={**train.hyper, **held})


def resolve(preset: str | None, file: Path | None, flags: Mapping[str, Any]) -> LaunchConfig:
    """Merge protocol, preset, file and flags, and check the result.

    Args:
        preset: Name of a preset; None chooses one by file and flags.
        file: A TOML file, which overrides the preset.
        flags: Nested tables, which override both.

    Raises:
        ConfigError, SettingsError: If a setting is invalid.
    """
    return resolve_layers(read_layers(preset, file, flags))


def resolve_layers(layers: Layers) -> LaunchConfig:
    """The configuration of a new study.

    Raises:
        ConfigError, SettingsError: If a setting is invalid.
    """
    preset = read_preset(layers.preset)
    if inner(layers.given(), SEARCH).get("space") == FIXED:  # its ranges are for other spaces
        searched = inner(preset, SEARCH)
        preset = {**preset, SEARCH: {key: searched[key] for key in searched if key != "ranges"}}
    table = layers.over(preset)
    return LaunchConfig.from_table(lay_protocol(table, PUBLISHED_SEARCH))


def continued(stored: Mapping[str, Any], layers: Layers) -> tuple[LaunchConfig, list[str]]:
    """The configuration of a stored study on this machine, and how the given settings differ.

    Compares only the settings of file and flags, and the data set of an explicit preset. The user
    did not choose the other settings of a preset.

    Args:
        stored: The study's configuration as tables.
        layers: The settings given now.

    Returns:
        The stored configuration with the given paths, and the differences.

    Raises:
        ConfigError, SettingsError: If a given setting is invalid.
    """
    # Fill in defaults first: settings added after the study was created had their default then.
    before = LaunchConfig.from_stored(stored).to_table()
    name = read_preset(layers.preset)["data"]["name"]
    asked = {"data": {"name": name}} if layers.asked else {}
    given = lay_over(asked, layers.given())
    config = LaunchConfig.from_table(lay_over(fitting(before, given), given))
    return config, differences(before, config.to_table())


def differences(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Settings that differ, each as ``name: stored → given``, except paths and the target.

    If the data set or the method differs, its options are not listed as well.
    """
    old, new = flat_table(stored), flat_table(given)
    ignored = {*PATHS, "search.trials"}
    implied = tuple(
        prefix
        for name, prefixes in IMPLIED.items()
        if old.get(name) != new.get(name)
        for prefix in prefixes
    )
    return [
        f"{name}: {_shown(old.get(name))} → {_shown(new.get(name))}"
        for name in sorted(old.keys() | new.keys())
        if name not in ignored and not name.startswith(implied) and old.get(name) != new.get(name)
    ]


def _refuse_both(fixed: Mapping[str, Any], ranges: Mapping[str, Any]) -> None:
    """Refuse a hyper-parameter that is both fixed and searched."""
    for name in fixed:
        if name in ranges:
            raise SettingsError(
                f"{name} is both fixed and searched: leave out --fix {name} ([hyper]) or"
                f" --range {name} ([search.ranges])"
            )


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
