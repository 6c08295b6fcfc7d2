"""A comparison table and its rows, checked: what ``table_file.py`` reads from a TOML file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from search.config.configuration import LaunchConfig
from search.errors import SettingsError
from trainer.config.sources import Layers
from trainer.methods import dimensions

__all__ = ["ComparisonTable", "Measured", "Published", "RowTexts", "TableRow"]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A figure that somebody published, in percent."""

    #: Where it stands, such as a paper and the number of its table.
    source: str
    miou: float | None = None
    accuracy: float | None = None
    #: How it was measured, as far as that is stated or differs from this table's rows.
    protocol: str = ""
    #: IoU of each class, by its name.
    classes: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        scores = (self.miou, self.accuracy, *self.classes.values())
        given = [number for number in scores if number is not None]
        if not given:
            raise SettingsError(
                f"published figure of {self.source!r} has no number: give miou, accuracy or"
                " classes"
            )
        for number in given:
            if not (math.isfinite(number) and 0 <= number <= 100):
                raise SettingsError(
                    f"published figure {number:g} of {self.source!r} is not a percentage: give"
                    " a number from 0 to 100"
                )
        if not self.source.strip():
            raise SettingsError("a published figure has no source: say where it stands")


@dataclass(frozen=True, kw_only=True)
class RowTexts:
    """What a row compares, in words."""

    label: str
    modalities: str
    #: How the modalities are joined; empty for a single one.
    fusion: str = ""
    backbone: str
    data: str
    #: Options of the method that differ from their defaults.
    options: str = ""

    @property
    def title(self) -> str:
        """The row in one line."""
        return f"{self.label} on {self.modalities}, {self.backbone}, {self.data}"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The study of a row."""

    #: Its name, ``TABLE-ROW``.
    study: str
    layers: Layers
    config: LaunchConfig

    @property
    def searched(self) -> int:
        """Number of hyper-parameters that are searched."""
        return len(self.config.space().hyper_parameters)

    @property
    def dimensions(self) -> int:
        """Number of dimensions that these have for the loss."""
        names = [each.name for each in self.config.space().hyper_parameters]
        return dimensions(self.config.train, names)

    @property
    def trials(self) -> int:
        """Number of trials; one if nothing is searched."""
        return self.config.search.trials


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A row, checked."""

    texts: RowTexts
    #: None for a row that only quotes a published figure.
    measured: Measured | None
    published: Published | None


@dataclass(frozen=True, kw_only=True)
class ComparisonTable:
    """A comparison table, checked."""

    name: str
    title: str
    #: Trials of each row's search.
    trials: int
    #: Fresh runs of each finalist.
    seeds: int
    #: Finalists of each row.
    finalists: int
    #: Whether the IoU of each class is shown.
    classes: bool = False
    rows: tuple[TableRow, ...]

    def only(self, names: Sequence[str]) -> "ComparisonTable":
        """The table with some of its measured rows alone.

        Args:
            names: What follows the table's name in the names of their studies.

        Raises:
            SettingsError: If there is no such row.
        """
        rows = {
            measured.study.removeprefix(f"{self.name}-"): row for row, measured in self.measured
        }
        for name in names:
            if name not in rows:
                raise SettingsError(
                    f"--rows {name} is not a row of {self.name}: choose from {', '.join(rows)}"
                )
        return replace(self, rows=tuple(row for name, row in rows.items() if name in names))

    @property
    def measured(self) -> tuple[tuple[TableRow, Measured], ...]:
        """The rows that have a study."""
        return tuple((row, row.measured) for row in self.rows if row.measured is not None)
