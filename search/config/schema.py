"""The configuration file of a search, described for editors and for a page."""

from typing import Any

from search.config.configuration import SearchConfig
from trainer.config.configuration import TrainConfig
from trainer.config.reference import Setting, json_schema, settings_of

__all__ = ["configuration_page", "configuration_schema"]

TITLE = "Configuration of unim2-search"
TABLES: dict[str, type[Any]] = {"": TrainConfig, "search": SearchConfig}

HEAD = """# Configuration

Everything that a TOML file can set, for `python -m search launch --config FILE` and
`python -m trainer fit FILE`. The trainer does not read `[search]`. `base = "PRESET"` at the top
starts from a preset; `python -m trainer presets` lists them. What is left out has its default.

Editors complete and check a file that names the schema, which `python -m search schema` prints:
`#:schema configuration.schema.json` in its first line.

This page is written by `make docs`, from the comments in `trainer/config/configuration.py` and
`search/config/configuration.py`.
"""


def configuration_schema() -> dict[str, Any]:
    """JSON schema of a configuration file."""
    schema = json_schema(TABLES, title=TITLE)
    schema["properties"]["base"] = {
        "type": "string",
        "description": "Preset that the file starts from.",
    }
    return schema


def configuration_page() -> str:
    """All settings as Markdown, a table per table."""
    settings = [
        setting for table, record in TABLES.items() for setting in settings_of(record, table)
    ]
    parts = [HEAD]
    for table in dict.fromkeys(_table_of(setting) for setting in settings):
        parts.append(f"## {f'[{table}]' if table else 'Top level'}\n")
        parts.append("| setting | may be | default | meaning |\n|---|---|---|---|")
        parts += [_row(setting) for setting in settings if _table_of(setting) == table]
        parts.append("")
    return "\n".join(parts)


def _table_of(setting: Setting) -> str:
    return setting.name.rpartition(".")[0]


def _row(setting: Setting) -> str:
    name = setting.name.rpartition(".")[2]
    default = f"`{setting.default}`" if setting.default else ""
    meaning = setting.meaning.replace("``", "`").replace("|", "\\|")
    return f"| `{name}` | {setting.kind} | {default} | {meaning} |"
