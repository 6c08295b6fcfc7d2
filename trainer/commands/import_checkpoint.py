"""``import-checkpoint``: convert a published checkpoint to one of ours."""

from pathlib import Path

from trainer.commands.lines import protocol_line
from trainer.commands.setup import say
from trainer.commands.tables import NONE, say_table
from trainer.console.shell import shell_text, trainer_command
from trainer.upstream import Imported, import_checkpoint
from trainer.upstream.keys import MODALITY_KEYS

__all__ = ["import_released"]


def import_released(path: Path, folder: Path) -> None:
    """Convert a published checkpoint and print a summary of it.

    Args:
        path: The ``.ckpt`` file.
        folder: Folder to create.

    Raises:
        TrainerError: If the file cannot be read, contains code or contradicts its own settings,
            or the folder is in use.
    """
    imported = import_checkpoint(path, folder)
    say_table(("property", "value"), _facts(imported))
    say("")
    names = tuple(MODALITY_KEYS.values())
    say_table(("modality", "weight", *names), _hyper_rows(imported, names), numbers=len(names) + 1)
    say("")
    for line in _notes(imported):
        say(line)
    say(protocol_line(imported.config))
    say(f"checkpoint: {imported.folder}")
    score = trainer_command("evaluate", imported.folder, "--split", "test", "--data", "FOLDER")
    say(f"to score it: {shell_text(score)}")


def _facts(imported: Imported) -> list[tuple[str, str]]:
    config = imported.config
    scores = [(name, f"{score:.2f}") for name, score in imported.scores.items()]
    return [
        ("data set", config.data.name),
        ("modalities", ", ".join(config.data.modalities)),
        ("classes", str(imported.classes)),
        ("backbone", f"{config.backbone.name}, {config.backbone.output}"),
        ("fusion", config.method.fusion if len(config.data.modalities) > 1 else NONE),
        ("code dimension", str(config.method.code_dim)),
        ("parameters", f"{imported.parameters:,}"),
        ("iteration", f"{imported.iteration} (step {imported.step} counts every optimiser)"),
        ("epoch", str(imported.epoch)),
        ("learning rate", f"{config.training.learning_rate:g}"),
        *(scores or [("scores", "none found")]),
    ]


def _hyper_rows(imported: Imported, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    hyper = imported.config.hyper
    return [
        (
            modality,
            *(_number(hyper.get(f"{modality}.{name}")) for name in ("weight", *names)),
        )
        for modality in imported.config.data.modalities
    ]


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def _notes(imported: Imported) -> list[str]:
    translation = imported.translation
    kinds = (
        ("keys without effect on results", translation.ignored),
        ("keys that no published configuration has, ignored", translation.unknown),
        ("settings that this trainer does not have", translation.lacking),
    )
    return [f"{kind}: {', '.join(keys)}" for kind, keys in kinds if keys]
