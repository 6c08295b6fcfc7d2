"""A comparison table as a TOML file: its rows, each with a study of its own.

``docs/tables.md`` describes the file. A row is measured, with the settings of a search, or only
quotes a published figure. All measured rows get the same number of trials, and those on the same
data set the same iterations and evaluations. There is always a row of K-means on the frozen
features: if the file has none for a data set and backbone, one is added.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.config.comparison_table import (
    ComparisonTable,
    Measured,
    Published,
    RowTexts,
    TableRow,
)
from search.config.configuration import LaunchConfig, resolve_layers
from search.errors import SettingsError
from search.spaces import FIXED
from trainer.config.configuration import TrainConfig
from trainer.config.layers import SEARCH, fitting, inner, lay_over
from trainer.config.paths import user_path
from trainer.config.sources import Layers, read_layers
from trainer.config.toml_records import (
    build_record,
    flat_table,
    overlay,
    read_toml,
    record_to_table,
)
from trainer.errors import ConfigError
from trainer.methods import find_method, learns

__all__ = ["read_table"]

ROWS = "row"
KMEANS = "kmeans"
#: Settings that decide how much a row may spend; equal for all rows on a data set.
EQUAL = (
    "training.iterations",
    "evaluation.evaluations",
    "search.objective",
    "search.sampler",
    "search.pruner",
    "search.seed",
    "data.seed",
)
#: Of these the search of a row without hyper-parameters has its own.
NOT_FOR_FIXED = ("search.sampler", "search.pruner")
#: Nothing is searched, so no rule compares or stops anything.
NOTHING_SEARCHED: Mapping[str, Any] = {
    "space": FIXED,
    "pruner": "none",
    "collapse": {"entropy_floor": 0.0, "share_ceiling": 1.0, "cosine_ceiling": 1.0},
}


@dataclass(frozen=True, kw_only=True)
class _RowFile:
    """A ``[[row]]`` as it is written."""

    label: str
    name: str = ""
    base: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    published: Published | None = None
    published_only: bool = False
    modalities: str = ""
    fusion: str = ""
    backbone: str = ""
    data: str = ""

    @property
    def given_texts(self) -> dict[str, str]:
        """The texts that only a quoted row states; a measured row has them from its settings."""
        return {name: getattr(self, name) for name in ("modalities", "backbone", "data", "fusion")}


@dataclass(frozen=True, kw_only=True)
class _Quoted:
    """What the published figures of all rows have in common; a row's own words win."""

    source: str = ""
    protocol: str = ""


@dataclass(frozen=True, kw_only=True)
class _TableFile:
    """The file as it is written."""

    title: str = ""
    base: str | None = None
    trials: int = 200
    seeds: int = 5
    finalists: int = 1
    classes: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    published: _Quoted = field(default_factory=_Quoted)
    row: tuple[_RowFile, ...] = ()


def read_table(
    path: Path,
    *,
    trials: int | None = None,
    seeds: int | None = None,
    flags: Mapping[str, Any] | None = None,
) -> ComparisonTable:
    """Read and check a table.

    Args:
        path: The TOML file.
        trials: Trials of each row; None for those of the file.
        seeds: Fresh runs; None for those of the file.
        flags: Nested settings that override those of every row, such as ``data.root``.

    Raises:
        ConfigError, SettingsError: If anything in it is invalid.
    """
    file = user_path(path)
    made = _read(file)
    made = dataclasses.replace(
        made,
        trials=made.trials if trials is None else trials,
        seeds=made.seeds if seeds is None else seeds,
    )
    _check_counts(file, made, trials=trials)
    builder = _Builder(file=file, made=made, flags=flags or {})
    rows = builder.rows()
    _check_names(file, rows)
    _check_equal(file, rows)
    return ComparisonTable(
        name=builder.name,
        title=made.title or builder.name,
        trials=made.trials,
        seeds=made.seeds,
        finalists=made.finalists,
        classes=made.classes,
        rows=rows,
    )


def _check_counts(file: Path, made: _TableFile, *, trials: int | None) -> None:
    """Refuse too few trials or finalists.

    Args:
        file: The file.
        made: What is written, or given instead.
        trials: What --trials gives; None if it is the file that says it.

    Raises:
        SettingsError: If a number is too small.
    """
    if made.trials < 1:
        where = f"trials = {made.trials} in {file}" if trials is None else f"--trials {trials}"
        raise SettingsError(f"{where} is too small: give 1 or more")
    if made.finalists < 1:
        raise SettingsError(f"finalists = {made.finalists} in {file} is too small: give 1 or more")


def _read(file: Path) -> _TableFile:
    """The file; a row at fault is named by its number.

    Raises:
        ConfigError, SettingsError: If a key is unknown, or a value has the wrong type.
    """
    table = read_toml(file)
    given = table.pop(ROWS, [])
    if not isinstance(given, list) or not given:
        raise ConfigError(f"{file} has no rows: write one [[{ROWS}]] for each")
    made = build_record(_TableFile, table)
    common = {key: text for key, text in record_to_table(made.published).items() if text}
    rows = tuple(
        build_record(_RowFile, _with_source(each, common), f"{ROWS} {number}")
        for number, each in enumerate(given, start=1)
    )
    return dataclasses.replace(made, row=rows)


def _with_source(row: object, common: Mapping[str, str]) -> object:
    """A row whose published figure has what those of all rows have in common."""
    if not isinstance(row, Mapping) or not isinstance(row.get("published"), Mapping):
        return row
    return {**row, "published": {**common, **row["published"]}}


@dataclass(frozen=True, kw_only=True)
class _Builder:
    """Makes rows of what is written."""

    file: Path
    made: _TableFile
    flags: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the table, with which its studies' names begin."""
        return _slug(self.file.stem) or "table"

    def rows(self) -> tuple[TableRow, ...]:
        """All rows, with those of K-means that the file lacks first."""
        rows = [self._row(number, row) for number, row in enumerate(self.made.row, start=1)]
        return (*self._added(rows), *rows)

    def _row(self, number: int, row: _RowFile) -> TableRow:
        if not row.label.strip():
            raise ConfigError(f"{ROWS} {number} has an empty label: name its method")
        if row.published_only:
            return self._quoted(number, row)
        given = [name for name, text in row.given_texts.items() if text]
        if given:
            raise ConfigError(
                f"{ROWS} {number} ({row.label}) is measured, so its settings decide about"
                f" {given[0]}: leave {given[0]} out, or write published_only = true"
            )
        measured = self._measured(row.name or _slug(row.label), row.base, row.settings)
        return TableRow(
            texts=_texts(row.label, measured.config), measured=measured, published=row.published
        )

    def _quoted(self, number: int, row: _RowFile) -> TableRow:
        where = f"{ROWS} {number} ({row.label}) has published_only = true"
        if row.settings or row.base or row.name:
            raise ConfigError(f"{where}, and is not run: leave out its settings, base and name")
        if row.published is None:
            raise ConfigError(f"{where}: give its figure in [{ROWS}.published]")
        missing = [name for name, text in row.given_texts.items() if not text and name != "fusion"]
        if missing:
            raise ConfigError(f"{where}: give {', '.join(missing)} as a text")
        texts = RowTexts(label=row.label, **row.given_texts)
        return TableRow(texts=texts, measured=None, published=row.published)

    def _measured(self, name: str, base: str | None, settings: Mapping[str, Any]) -> Measured:
        """The study of a row: preset, settings of the table, of the row, and flags."""
        common = fitting(self.made.settings, settings)
        given = lay_over(common, settings)
        if "trials" in inner(given, SEARCH):
            raise SettingsError(
                f"{self.file} sets search.trials in settings: each row gets as many; write trials"
                " = N at the top of the file, or give --trials"
            )
        layers = self._layers(base, given)
        if _searches_nothing(layers):
            given = overlay(_without_choices(given), {SEARCH: NOTHING_SEARCHED})
            layers = self._layers(base, given, trials=1)
        study = f"{self.name}-{name}"
        try:
            return Measured(study=study, layers=layers, config=resolve_layers(layers))
        except (ConfigError, SettingsError) as error:
            raise type(error)(f"row {name} of {self.file}: {error}") from error

    def _layers(
        self, base: str | None, given: Mapping[str, Any], *, trials: int | None = None
    ) -> Layers:
        target = {SEARCH: {"trials": trials or self.made.trials}}
        flags = overlay(self.flags, target)
        preset = base or self.made.base
        layers = read_layers(preset, None, overlay(given, flags))
        reason = layers.reason if preset is None else "named by the key base of the file"
        return dataclasses.replace(
            layers, reason=reason, file=self.file, from_file=given, flags=flags
        )

    def _added(self, rows: Sequence[TableRow]) -> list[TableRow]:
        """K-means for each data set and backbone that has none, on the modalities of most."""
        studies = [row.measured for row in rows if row.measured is not None]
        added = []
        for key in dict.fromkeys(map(_setting, studies)):
            group = [each for each in studies if _setting(each) == key]
            if any(each.config.train.method.name == KMEANS for each in group):
                continue
            model = max(group, key=lambda each: len(each.config.train.data.modalities))
            added.append(self._kmeans(model, alone=len(studies) == len(group)))
        return added

    def _kmeans(self, model: Measured, *, alone: bool) -> TableRow:
        given = _without_choices(model.layers.from_file)
        given = {key: value for key, value in given.items() if key not in ("method", "hyper")}
        name = KMEANS if alone else _slug("-".join((KMEANS, *_setting(model))))
        measured = self._measured(name, model.layers.preset, {**given, "method": {"name": KMEANS}})
        return TableRow(
            texts=_texts("K-means", measured.config), measured=measured, published=None
        )


def _searches_nothing(layers: Layers) -> bool:
    """Whether the row's method learns nothing, or its space is ``fixed``."""
    given = layers.given()
    name = inner(given, "method").get("name")
    frozen = isinstance(name, str) and not learns(name)
    return frozen or inner(given, SEARCH).get("space") == FIXED


def _without_choices(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without those about what is searched and compared."""
    dropped = ("ranges", "pruner", "pruner_options")
    search = {key: value for key, value in inner(given, SEARCH).items() if key not in dropped}
    return {**given, SEARCH: search}


def _setting(measured: Measured) -> tuple[str, str]:
    """Data set and backbone."""
    train = measured.config.train
    return train.data.name, train.backbone.name


def _texts(label: str, config: LaunchConfig) -> RowTexts:
    train = config.train
    several = len(train.data.modalities) > 1
    output = "" if train.backbone.output == "tokens" else f" ({train.backbone.output})"
    return RowTexts(
        label=label,
        modalities=", ".join(train.data.modalities),
        fusion=_fusion(train) if several else "",
        backbone=f"{train.backbone.name}{output}",
        data=train.data.name,
        options=_options(config),
    )


def _fusion(train: TrainConfig) -> str:
    """How several modalities are joined; a frozen method says it in its options."""
    if learns(train.method.name):
        return train.method.fusion
    return str(getattr(train.method.options, "features", ""))


def _options(config: LaunchConfig) -> str:
    """The method's options that differ from their defaults."""
    method = config.train.method
    defaults = flat_table(record_to_table(find_method(method.name).options()))
    given = flat_table(record_to_table(method.options))
    return ", ".join(
        f"{name}={_toml(value)}" for name, value in given.items() if value != defaults.get(name)
    )


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_names(file: Path, rows: Sequence[TableRow]) -> None:
    """Refuse two rows with one study.

    Raises:
        ConfigError: If there are such rows.
    """
    seen: dict[str, str] = {}
    for row in rows:
        if row.measured is None:
            continue
        study = row.measured.study
        if study in seen:
            raise ConfigError(
                f"{file}: rows {seen[study]!r} and {row.texts.label!r} have the same study"
                f" {study}: give one of them another name"
            )
        seen[study] = row.texts.label


def _check_equal(file: Path, rows: Sequence[TableRow]) -> None:
    """Refuse rows on one data set that may spend more than others.

    Raises:
        SettingsError: If there are such rows.
    """
    first: dict[tuple[str, str], tuple[str, object]] = {}
    for row in rows:
        if row.measured is None:
            continue
        config = row.measured.config
        flat = flat_table(config.to_table())
        for name in EQUAL:
            if config.search.space == FIXED and name in NOT_FOR_FIXED:
                continue
            value = flat[name]
            other, before = first.setdefault(
                (config.train.data.name, name), (row.texts.label, value)
            )
            if before != value:
                raise SettingsError(
                    f"{file}: {name} is {before} in row {other!r} and {value} in row"
                    f" {row.texts.label!r} on the same data: give all rows the same, in"
                    " [settings]"
                )


def _slug(text: str) -> str:
    """A part of a study's name: lower case, without what a shell would read."""
    return re.sub(r"[^\w.]+", "-", text.lower()).strip("-.")
