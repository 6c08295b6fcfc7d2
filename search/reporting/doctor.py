"""The doctor's findings, as a table and as JSON."""

import dataclasses
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from search.doctor import Check

__all__ = ["check_json", "findings"]

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def findings(checks: list[Check], preset: str) -> RenderableType:
    """A line per check, then the fixes, then whether a search can run."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for check in checks:
        state = Text(check.state, style=STYLES[check.state])
        table.add_row(state, check.name, Text(check.found))
    fixes = [
        Padding(Text(f"{check.name}: {check.fix}"), (0, 0, 0, 2)) for check in checks if check.fix
    ]
    broken = sum(check.state == "failed" for check in checks)
    verdict = f"{broken} of {len(checks)} checks failed" if broken else "a search can run"
    ending = Text(f"preset {preset}: {verdict}", style="bold")
    middle: list[RenderableType] = (
        [Text(), Text("suggested fixes", style="dim"), *fixes] if fixes else []
    )
    return Group(table, *middle, Text(), ending)


def check_json(check: Check) -> dict[str, Any]:
    """A check for scripts; ``mend`` is the name that ``fix`` had before."""
    return {**dataclasses.asdict(check), "mend": check.fix}
