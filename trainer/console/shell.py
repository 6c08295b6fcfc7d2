"""Commands that are printed for the user to paste, quoted for a shell in one place."""

import shlex

__all__ = ["Command", "install_command", "search_command", "shell_text", "trainer_command"]

Command = tuple[str, ...]


def search_command(verb: str, *options: object, study: str | None = None) -> Command:
    """``python -m search VERB STUDY OPTIONS``; a study that looks like a flag follows ``--``."""
    words = ("python", "-m", "search", verb)
    given = tuple(map(str, options))
    if study is None:
        return (*words, *given)
    return (*words, *given, "--", study) if study.startswith("-") else (*words, study, *given)


def trainer_command(verb: str, *arguments: object) -> Command:
    """``python -m trainer VERB ARGUMENTS``."""
    return ("python", "-m", "trainer", verb, *map(str, arguments))


def install_command(extra: str) -> Command:
    """``pip`` with an extra of this package, in the folder of its clone."""
    return ("pip", "install", "--constraint", "constraints.txt", "--editable", f".[{extra}]")


def shell_text(command: Command, *, into: str | None = None) -> str:
    """The command, quoted for a shell.

    Args:
        command: Its words.
        into: File to which its output is redirected.
    """
    text = shlex.join(command)
    return text if into is None else f"{text} > {shlex.quote(into)}"
