"""The doctor's findings as a table."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from search.doctor import Check

__all__ = ["findings"]

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def findings(checks: list[Check], preset: str) -> RenderableType:
    """What was found, each mend on lines of its own, and whether the preset can run."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for check in checks:
        state = Text(check.state, style=STYLES[check.state])
        table.add_row(state, check.name, Text(check.found))
    mends = [
        Padding(Text(f"{check.name}: {check.mend}"), (0, 0, 0, 2))
        for check in checks
        if check.mend
    ]
    broken = sum(check.state == "failed" for check in checks)
    verdict = f"{broken} of {len(checks)} checks failed" if broken else "can run"
    ending = Text(f"preset {preset}: {verdict}", style="bold")
    middle: list[RenderableType] = (
        [Text(), Text("what mends it", style="dim"), *mends] if mends else []
    )
    return Group(table, *middle, Text(), ending)
