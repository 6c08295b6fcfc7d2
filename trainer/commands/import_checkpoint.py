"""``import-checkpoint``: a released checkpoint as one of ours."""

from pathlib import Path

from trainer.commands.lines import protocol_line
from trainer.commands.setup import say
from trainer.commands.tables import NONE, say_table
from trainer.console.shell import shell_text, trainer_command
from trainer.upstream import Imported, import_checkpoint
from trainer.upstream.keys import MODALITY_KEYS

__all__ = ["import_released"]


def import_released(path: Path, folder: Path) -> None:
    """Make a checkpoint of a released one and print what was read.

    Args:
        path: The ``.ckpt`` file.
        folder: Folder to make.

    Raises:
        TrainerError: If the file cannot be read, holds code, does not fit its own settings, or
            the folder is in use.
    """
    made = import_checkpoint(path, folder)
    say_table(("what", "value"), _facts(made))
    say("")
    names = tuple(MODALITY_KEYS.values())
    say_table(("modality", "weight", *names), _hyper_rows(made, names), numbers=len(names) + 1)
    say("")
    for line in _notes(made):
        say(line)
    say(protocol_line(made.config))
    say(f"checkpoint: {made.folder}")
    score = trainer_command("evaluate", made.folder, "--split", "test", "--data", "FOLDER")
    say(f"score it: {shell_text(score)}")


def _facts(made: Imported) -> list[tuple[str, str]]:
    config = made.config
    scores = [(what, f"{score:.2f}") for what, score in made.scores.items()]
    return [
        ("data set", config.data.name),
        ("modalities", ", ".join(config.data.modalities)),
        ("classes", str(made.classes)),
        ("backbone", f"{config.backbone.name}, {config.backbone.output}"),
        ("fusion", config.method.fusion if len(config.data.modalities) > 1 else NONE),
        ("code width k", str(config.method.code_dim)),
        ("learnt numbers", f"{made.parameters:,}"),
        ("iteration", f"{made.iteration} (step {made.step} counts every optimiser)"),
        ("epoch", str(made.epoch)),
        ("learning rate", f"{config.training.learning_rate:g}"),
        *(scores or [("scores", "none found")]),
    ]


def _hyper_rows(made: Imported, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    hyper = made.config.hyper
    return [
        (
            modality,
            *(_number(hyper.get(f"{modality}.{name}")) for name in ("weight", *names)),
        )
        for modality in made.config.data.modalities
    ]


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def _notes(made: Imported) -> list[str]:
    told = made.translation
    kinds = (
        ("keys without effect on the numbers", told.ignored),
        ("keys that no released configuration has, ignored", told.unknown),
        ("trained with what this trainer does not have", told.lacking),
    )
    return [f"{what}: {', '.join(keys)}" for what, keys in kinds if keys]
