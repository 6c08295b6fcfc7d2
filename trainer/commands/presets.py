"""``presets``: list the presets, or print one as a configuration."""

from rich.console import Console

from trainer.commands.setup import run_of, say
from trainer.config.configuration import TrainConfig
from trainer.config.presets import preset_names, preset_summary
from trainer.config.sources import read_layers
from trainer.config.toml_records import record_to_table, toml_text

__all__ = ["list_presets", "print_preset", "resolve_preset"]


def list_presets() -> None:
    """Print the name and the summary of each preset."""
    names = preset_names()
    width = max(map(len, names))
    for name in names:
        say(f"{name:{width}}  {preset_summary(name)}")


def print_preset(name: str) -> None:
    """Print every setting of a preset as TOML that ``fit`` reads.

    Raises:
        ConfigError: If there is no such preset.
    """
    text = toml_text(record_to_table(resolve_preset(name)))
    Console().print(text, end="", highlight=False, soft_wrap=True, markup=False)


def resolve_preset(name: str) -> TrainConfig:
    """The run that a preset describes.

    Raises:
        ConfigError: If there is no such preset.
    """
    return run_of(read_layers(name, None))
