"""The settings of a configuration file, as a JSON schema and as a Markdown page."""

from collections.abc import Sequence
from typing import Any

from search.config.configuration import SearchConfig
from search.pruners import PRUNERS
from search.samplers.hub import HUB_NAMES
from trainer.config.configuration import TrainConfig
from trainer.config.reference import Setting, json_schema, settings_of
from trainer.methods import METHODS

__all__ = ["configuration_page", "configuration_schema"]

TITLE = "Configuration of unim2-search"
TABLES: dict[str, type[Any]] = {"": TrainConfig, "search": SearchConfig}
#: Tables whose settings depend on the method or pruner, by the title of their section.
OPTIONS: dict[str, type[Any]] = {
    **{
        f"[method.options] of the method `{name}`": entry.options
        for name, entry in METHODS.items()
    },
    **{f"[search.pruner_options] of the pruner `{name}`": each for name, each in PRUNERS.items()},
}

HEAD = """# Configuration

This page lists all settings of a TOML file for `python -m search launch --config FILE` and
`python -m trainer fit FILE`. The trainer ignores `[search]`. `base = "PRESET"` at the top of the
file starts from a preset; `python -m trainer presets` lists them. Settings that you leave out
have their default.

Editors can complete and check such a file. Store the output of `python -m search schema` as
`configuration.schema.json`, and begin the file with `#:schema configuration.schema.json`.

`make docs` generates this page from the comments in `trainer/config/configuration.py` and
`search/config/configuration.py`.
"""


def configuration_schema() -> dict[str, Any]:
    """JSON schema of a configuration file."""
    schema = json_schema(TABLES, title=TITLE)
    schema["properties"]["base"] = {
        "type": "string",
        "description": "Preset that the file starts from.",
    }
    sampler = schema["properties"]["search"]["properties"]["sampler"]
    names = {"enum": sampler.pop("enum")}
    sampler["anyOf"] = [names, {"type": "string", "pattern": HUB_NAMES}]
    return schema


def configuration_page() -> str:
    """All settings as Markdown, one table for each table of the file."""
    settings = [
        setting for table, record in TABLES.items() for setting in settings_of(record, table)
    ]
    parts = [HEAD]
    for table in dict.fromkeys(_table_of(setting) for setting in settings):
        own = [setting for setting in settings if _table_of(setting) == table]
        parts += _section(f"[{table}]" if table else "Top level", own)
    for title, record in OPTIONS.items():
        if own := list(settings_of(record)):
            parts += _section(title, own)
    return "\n".join(parts)


def _section(title: str, settings: Sequence[Setting]) -> list[str]:
    head = "| setting | values | default | meaning |\n|---|---|---|---|"
    return [f"## {title}\n", head, *map(_row, settings), ""]


def _table_of(setting: Setting) -> str:
    return setting.name.rpartition(".")[0]


def _row(setting: Setting) -> str:
    name = setting.name.rpartition(".")[2]
    default = f"`{setting.default}`" if setting.default else ""
    meaning = setting.meaning.replace("``", "`").replace("|", "\\|")
    return f"| `{name}` | {setting.kind} | {default} | {meaning} |"
