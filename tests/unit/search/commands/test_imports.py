"""The modules that reading commands and workers import."""

import subprocess
import sys

#: Slow to import, and not needed to read stored studies.
NOT_FOR_READERS = (
    "torch", "ray", "timm", "boto3", "scipy", "numpy", "optuna", "alembic", "matplotlib",
)  # fmt: skip
#: Of no use to a worker before its first evaluation, or at all.
NOT_FOR_WORKERS = (
    "timm", "boto3", "scipy.stats", "scipy.ndimage", "scipy.optimize", "optuna", "alembic",
    "sqlalchemy", "matplotlib", "ray",
)  # fmt: skip
#: Commands that only read.
READERS = ("list", "status", "best", "show", "compare", "calibrate", "next", "stop", "delete")
PROGRAM = """
import sys
{imports}
print(*sorted(set({unwanted!r}) & set(sys.modules)))
"""


def imported(imports: str, unwanted: tuple[str, ...]) -> list[str]:
    """Which of the modules a new process has loaded after some imports."""
    program = PROGRAM.format(imports=imports, unwanted=unwanted)
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def test_reading_commands_start_without_the_imports_of_a_search() -> None:
    group = "typer.main.get_command(search.commands.app.app)"
    look_up = f"import typer, search.commands.app\nfor verb in {READERS}: {group}.commands[verb]"
    assert imported(look_up, NOT_FOR_READERS) == []


def test_a_worker_starts_without_imports_that_it_does_not_need_yet() -> None:
    assert imported("import search.workers.worker", NOT_FOR_WORKERS) == []


def test_unwanted_modules_would_be_seen() -> None:
    assert imported("import numpy, search.commands.app", NOT_FOR_READERS) == ["numpy"]
