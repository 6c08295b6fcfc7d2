"""How far the preparation of features is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

__all__ = ["preparing"]


@contextmanager
def preparing(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Shows how far the preparation of features is: bars on a terminal, else a line a step."""
    if not console.is_terminal:
        yield lambda what, done, total: _say_step(console, what, done, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield tell


def _say_step(console: Console, what: str, done: int, total: int) -> None:
    if done >= total:
        console.print(f"{what}: {total}", markup=False, highlight=False)
