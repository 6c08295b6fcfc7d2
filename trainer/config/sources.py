"""Sources of a run's settings: a preset, overridden by a file, overridden by flags.

``trainer fit`` and ``search launch`` choose the preset by the same rule. It is the one named by a
flag or by the file's key ``base``. Otherwise it is ``own`` for a user's own data, ``defaults`` for
another data set that is named, and ``rooms`` if no data are given. A file may contain a table
``[search]``, which a single run ignores. It may also be the description of a data set, which
stands for a run on its data. A described data set brings its modalities, unless file or flags name
others.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.config.described import (
    DESCRIPTION,
    FOLDER,
    described_data,
    described_modalities,
    is_description,
)
from trainer.config.layers import fitting, inner, lay_over
from trainer.config.paths import user_path
from trainer.config.presets import preset_names, read_preset
from trainer.config.toml_records import flat_table, overlay, read_toml
from trainer.errors import ConfigError, in_one_line

__all__ = ["DEFAULT_PRESET", "OWN_PRESET", "PLAIN_PRESET", "Layers", "read_layers"]

DEFAULT_PRESET = "rooms"
OWN_PRESET = "own"
PLAIN_PRESET = "defaults"


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Settings by where they come from."""

    preset: str
    #: Why this preset was chosen, in a few words.
    reason: str
    #: Whether the user chose it.
    asked: bool
    file: Path | None = None
    #: Tables of the file, without its key ``base``.
    from_file: Mapping[str, Any] = field(default_factory=dict)
    #: Tables of the flags.
    flags: Mapping[str, Any] = field(default_factory=dict)
    #: The data set's description, where it is one of your own, and what it says about the run.
    description: Path | None = None
    described: Mapping[str, Any] = field(default_factory=dict)
    #: What to call a study by default; None to take it from the preset, the file or the data.
    named: str | None = None

    def lines(self) -> tuple[str, ...]:
        """The sources of the settings, one line each."""
        (_, preset), *others = self.said()
        return (
            f"settings: preset {preset}",
            *(f"settings from {where}: {what}" for where, what in others),
        )

    def said(self) -> tuple[tuple[str, str], ...]:
        """Pairs of source and settings, such as ``("preset", "own: ...")``, lowest first."""
        lines = [("preset", f"{self.preset}: {self.reason}")]
        if self.described:
            lines.append((str(self.description), _keys(self.described)))
        if self.file is not None:
            lines.append((str(self.file), _keys(self.from_file)))
        if self.flags:
            lines.append(("flags", _keys(self.flags)))
        return tuple(lines)

    def given(self) -> dict[str, Any]:
        """The settings of file and flags together, without the preset's."""
        return lay_over(self.from_file, self.flags)

    def over(self, preset: Mapping[str, Any]) -> dict[str, Any]:
        """File, flags and description merged over the applicable parts of a preset's tables."""
        given = lay_over(self.described, self.given())
        return lay_over(fitting(preset, given), given)

    @property
    def title(self) -> str:
        """The default name of a study with these settings.

        Unless it was given, this is the preset or, for a user's own data, the name of the file or
        of the data's folder.
        """
        if self.named is not None:
            return self.named
        if self.preset not in (OWN_PRESET, PLAIN_PRESET):
            return self.preset
        root = Path(str(inner(self.flags, "data").get("root", "")))
        file = self.file or root
        if file.name == DESCRIPTION:
            named = file.parent.name
        else:
            named = file.stem if file.suffix == ".toml" else file.name
        return _slug(named) or self.preset


def read_layers(
    preset: str | None, file: Path | None, flags: Mapping[str, Any] | None = None
) -> Layers:
    """Read the file and find the preset on which it builds.

    Args:
        preset: Name of the preset given by a flag; None if there is none.
        file: A TOML file.
        flags: Settings given by flags, as nested tables.

    Raises:
        ConfigError: If the file cannot be read, or names another preset than the flag.
    """
    path = None if file is None else user_path(file)
    table = {} if path is None else read_toml(path)
    if path is not None and is_description(table):
        table = {"data": described_data(path)}
    base = table.pop("base", None)
    given = flags or {}
    if base is not None and not isinstance(base, str):
        raise ConfigError(f"base = {base!r} should be the name of a preset")
    if preset is not None and base is not None and preset != base:
        raise ConfigError(
            f"{path} starts from the preset {in_one_line(base)!r} (its key base) and --preset"
            f" {in_one_line(preset)} was given: leave one of them out"
        )
    name, reason = _choose(preset, base, lay_over(table, given))
    description, described = _described(name, lay_over(table, given))
    return Layers(
        preset=name,
        reason=reason,
        asked=preset is not None or base is not None,
        file=path,
        from_file=table,
        flags=given,
        description=description,
        described=described,
    )


def _described(preset: str, given: Mapping[str, Any]) -> tuple[Path | None, dict[str, Any]]:
    """The description of the data that were named, and the settings it brings."""
    if preset not in preset_names():
        return None, {}  # refused by whoever reads the preset
    data = overlay(inner(read_preset(preset), "data"), inner(given, "data"))
    root = data.get("root")
    if data.get("name") != FOLDER or not isinstance(root, str) or "modalities" in data:
        return None, {}
    found = described_modalities(root)
    if found is None:
        return None, {}
    file, modalities = found
    return file, {"data": {"modalities": modalities}}


def _choose(preset: str | None, base: str | None, given: Mapping[str, Any]) -> tuple[str, str]:
    """The preset's name, and why it is this one."""
    if preset is not None:
        return preset, "asked for by --preset"
    if base is not None:
        return base, "named by the key base of the file"
    data, toy = inner(given, "data"), read_preset(DEFAULT_PRESET)["data"]["name"]
    name = data.get("name", FOLDER if data.get("root") is not None else toy)
    if name == FOLDER:
        return OWN_PRESET, "for your own data"
    if name != toy:
        return PLAIN_PRESET, f"for the data set {in_one_line(name)}"
    return DEFAULT_PRESET, "the synthetic rooms, because no other data was given"


def _keys(table: Mapping[str, Any]) -> str:
    return ", ".join(map(in_one_line, flat_table(table))) or "nothing"


def _slug(name: str) -> str:
    """A name for a study: lower case, without what a shell would read."""
    return re.sub(r"[^\w.]+", "-", name.lower()).strip("-.")[:40]
