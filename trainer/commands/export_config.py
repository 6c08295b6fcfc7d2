"""``export``: write a run's settings as a configuration of another program."""

from pathlib import Path

from rich.console import Console

from trainer.commands.setup import read_config, say
from trainer.config.configuration import TrainConfig
from trainer.engine.run import config_of
from trainer.errors import ConfigError
from trainer.upstream import write_settings, yaml_text

__all__ = ["export_settings"]


def export_settings(source: Path, out: Path | None) -> None:
    """Print the settings as a configuration of the published code, or write them to a file.

    Args:
        source: Folder of a checkpoint, or a TOML file.
        out: File to write; None to print.

    Raises:
        TrainerError: If the source cannot be read, the published code cannot run its settings,
            or the file cannot be written.
    """
    config: TrainConfig = config_of(source) if source.is_dir() else read_config(source)
    settings, comments = write_settings(config)
    text = yaml_text(settings, comments=comments)
    if out is None:
        Console().print(text, end="", highlight=False, soft_wrap=True, markup=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot write {out} ({error.strerror}): give another file with --out"
        ) from error
    for comment in comments:
        say(f"note: {comment}")
    say(f"configuration: {out}")
