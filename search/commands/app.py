"""The command line: ``python -m search COMMAND``.

Each command has its own file, named after it, which is imported only when the command is used, so
that a command costs no more than what it imports itself.
"""

import importlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from search.commands import completion
from search.commands.ending import one_line_errors
from search.commands.examples import epilogue
from search.machine.home import provide_folders
from trainer.console.streams import outlive_readers
from trainer.console.terminal import any_terminal

__all__ = ["app", "main"]

#: Module and function of each command, in the order in which ``--help`` lists them.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("init", "init"),
    "launch": ("launch", "launch"),
    "resume": ("resume", "resume"),
    "confirm": ("confirm", "confirm"),
    "table": ("table", "table"),
    "list": ("list", "list_studies"),
    "status": ("status", "status"),
    "best": ("best", "best"),
    "show": ("show", "show"),
    "compare": ("compare", "compare"),
    "calibrate": ("calibrate", "calibrate"),
    "next": ("next", "next_"),
    "report": ("report", "report"),
    "stop": ("stop", "stop"),
    "delete": ("delete", "delete"),
    "attach": ("attach", "attach"),
    "schema": ("schema", "schema"),
    "doctor": ("doctor", "doctor"),
    "dashboard": ("dashboard", "dashboard"),
    "roles": ("roles", "roles"),
    "export": ("export", "export"),
    "export-study": ("export_study", "export_study"),
    "import-study": ("import_study", "import_study"),
    "import-trials": ("import_trials", "import_trials"),
}


class _Commands(Mapping[str, Any]):
    """The commands by name; looking one up imports it."""

    def __getitem__(self, name: str) -> Any:
        file, function = COMMANDS[name]
        module = importlib.import_module(f"search.commands.{file}")
        single = typer.Typer(add_completion=False)
        single.command(name, epilog=epilogue(name))(getattr(module, function))
        return typer.main.get_command(single)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Group(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands: Any = _Commands()


app = typer.Typer(
    cls=_Group,
    epilog="python -m search COMMAND --help shows examples.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_completion(wanted: bool) -> None:
    if wanted:
        typer.echo(completion.SCRIPT, nl=False)
        raise typer.Exit


@one_line_errors
def _install_completion(wanted: bool) -> None:
    if wanted:
        completion.install(Path.home(), typer.echo)
        raise typer.Exit


@app.callback()
def _search(
    install_completion: Annotated[
        bool,
        typer.Option(
            "--install-completion",
            callback=_install_completion,
            is_eager=True,
            help="Complete verbs and options in new bash shells.",
        ),
    ] = False,
    show_completion: Annotated[
        bool,
        typer.Option(
            "--show-completion",
            callback=_show_completion,
            is_eager=True,
            help="Print the script that does it.",
        ),
    ] = False,
) -> None:
    """Tune unsupervised multi-modal segmentation with searches that survive crashes."""
    del install_completion, show_completion  # their callbacks have done it


def main() -> None:
    """Run the command line."""
    with any_terminal(), outlive_readers():
        if completion.COMPLETE_VARIABLE in os.environ:
            for word in completion.completed(os.environ, _Commands()):
                typer.echo(word)
            return
        provide_folders(os.environ, lambda text: typer.echo(text, err=True))
        app()
