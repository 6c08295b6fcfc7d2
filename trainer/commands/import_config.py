"""``import-config``: convert a published configuration to a TOML file that ``fit`` reads."""

from pathlib import Path

from trainer.commands.setup import say
from trainer.config.toml_records import toml_text
from trainer.errors import ConfigError
from trainer.methods import hyper_values
from trainer.upstream import read_settings, read_yaml

__all__ = ["import_settings"]


def import_settings(path: Path, out: Path, *, protocol: str) -> None:
    """Convert a published configuration and print which of its keys were ignored.

    Args:
        path: The YAML file.
        out: TOML file to write; must not exist.
        protocol: ``published`` or ``held-out``.

    Raises:
        ConfigError: If the file cannot be read, a key is unknown or not supported by this trainer,
            a value is out of range, or ``out`` exists or cannot be written.
    """
    translation = read_settings(read_yaml(path), protocol=protocol)
    translation.require_whole()
    hyper_values(translation.config())
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(toml_text(translation.table))
    except FileExistsError as error:
        raise ConfigError(f"{out} exists: give another file with --out") from error
    except OSError as error:
        raise ConfigError(
            f"cannot write {out} ({error.strerror}): give another file with --out"
        ) from error
    config = translation.config()
    say(f"ignored, without effect on results: {', '.join(translation.ignored) or 'nothing'}")
    say(f"iterations: {config.training.iterations} (max_steps counts three per batch)")
    say(f"configuration: {out}")
