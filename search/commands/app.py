"""The command line: ``python -m search COMMAND``.

Each command has its own file, named after it. Commands that train import the trainer only when
they run, so that the others start at once.
"""

import os
from collections.abc import Callable, Mapping

import optuna
import typer

from search.commands.attach import attach
from search.commands.best import best
from search.commands.dashboard import dashboard
from search.commands.doctor import doctor
from search.commands.export_study import export_study
from search.commands.import_study import import_study
from search.commands.init import init
from search.commands.launch import launch
from search.commands.list import list_studies
from search.commands.resume import resume
from search.commands.roles import roles
from search.commands.schema import schema
from search.commands.status import status
from search.commands.stop import stop
from search.machine.home import provide_folders
from trainer.console.streams import outlive_readers
from trainer.console.terminal import any_terminal

__all__ = ["app", "main"]

#: Each command by its name, in the order in which ``--help`` lists them.
COMMANDS: Mapping[str, Callable[..., None]] = {
    "init": init,
    "launch": launch,
    "resume": resume,
    "list": list_studies,
    "status": status,
    "best": best,
    "stop": stop,
    "attach": attach,
    "schema": schema,
    "doctor": doctor,
    "dashboard": dashboard,
    "roles": roles,
    "export-study": export_study,
    "import-study": import_study,
}

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tune unsupervised multi-modal segmentation with searches that survive crashes.",
)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def main() -> None:
    """Run the command line."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with any_terminal():
        outlive_readers()
        provide_folders(os.environ, lambda text: typer.echo(text, err=True))
        app()
