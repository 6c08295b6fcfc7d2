"""The command that continues a search or a confirmation, for the messages of its end."""

from search.records.confirmation import StoredConfirmation
from trainer.console.shell import Command, search_command

__all__ = ["continuing_command"]


def continuing_command(study: str, plan: StoredConfirmation | None) -> Command:
    """``resume`` for a search; ``confirm`` for a confirmation, whose study is finished.

    Args:
        study: Name of the study.
        plan: What is confirmed; None for a search.
    """
    if plan is None:
        return search_command("resume", study=study)
    numbers = ("--top", len(plan.trials), "--seeds", plan.seeds)
    return search_command("confirm", *numbers, study=study)
