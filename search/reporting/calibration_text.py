"""The printers of a calibration: lines and a table for terminals, JSON and rows."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.quality.calibration import TARGET, Calibrated, Calibration

__all__ = ["calibration_json", "calibration_lines", "calibration_rows", "calibration_table"]


#: Columns that fit into a terminal; CSV and JSON have all.
SHOWN = ("criterion", "rho", "rho of means", "pick", "of labelled", "regret 5", "floor rule")


def calibration_table(found: Calibration) -> RenderableType:
    """What bounds the criteria, and a row for each, those that follow the mIoU best first."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for name in SHOWN:
        is_text = name in ("criterion", "floor rule")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=name == "criterion")
    for row in calibration_rows(found):
        table.add_row(*(row[name] for name in SHOWN))
    return Group(*map(Text, calibration_lines(found)), Text(), table)


def calibration_lines(found: Calibration) -> Iterator[str]:
    """What the table rests on."""
    judged = "the other seeds" if found.held_out else "the mIoU of the picked run itself"
    yield f"{found.runs} full runs of {found.settings} settings; a pick is judged by {judged}"
    if found.reliability is None or found.ceiling is None or found.ceiling_means is None:
        yield "ceiling    unknown: no setting has runs with several seeds, as confirm makes them"
    else:
        yield (
            f"ceiling    rho {found.ceiling:.2f} for one run, {found.ceiling_means:.2f} for means"
            f" of {found.seeds:.3g} seeds; reliability {found.reliability:.2f}"
            f" ({found.repeated} settings)"
        )
    references = "".join(f" · {name} {miou:.2f}" for name, miou in found.references.items())
    yield (
        f"mIoU       labelled pick {found.labelled:.2f} · best {found.best:.2f}"
        f" · median {found.median:.2f}{references}"
    )


def calibration_rows(found: Calibration) -> Iterator[dict[str, str]]:
    """A row of texts per criterion, by correlation."""
    for each in sorted(found.criteria, key=_order):
        yield {
            "criterion": f"{each.name}{' (low)' if each.lower else ''}",
            "rho": _number(each.rho),
            "95 %": "" if each.low is None else f"{each.low:.2f} to {each.high:.2f}",
            "rho of means": _number(each.rho_means),
            "pick": f"{each.worth:.1f}",
            "of labelled": "" if math.isnan(each.share) else f"{each.share:.0f} %",
            **{f"regret {top}": f"{regret:.1f}" for top, regret in each.regret.items()},
            f"worst of {max(each.regret)}": f"{each.worst:.1f}",
            "floor rule": _floor(found, each),
        }


def calibration_json(found: Calibration) -> dict[str, Any]:
    """Every number; those that are undefined are null."""
    table = dataclasses.asdict(found)
    table["criteria"] = {
        each.pop("name"): {**each, "regret": {str(k): v for k, v in each["regret"].items()}}
        for each in table["criteria"]
    }
    plain: dict[str, Any] = _plain(table)
    return plain


def _order(each: Calibrated) -> tuple[bool, float]:
    return each.name != TARGET, -(each.rho if each.rho is not None else -2.0)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _floor(found: Calibration, each: Calibrated) -> str:
    """Whether the rule speaks, and whether the pick is in fact not above a reference."""
    if not found.references:
        return "no reference"
    missed, needless = each.below - each.caught, each.fires - each.caught
    parts = {"fires": each.caught, "misses": missed, "fires needlessly": needless}
    silent = found.rounds - sum(parts.values())
    said = {name: count for name, count in {**parts, "silent": silent}.items() if count}
    if found.rounds == 1:
        return next(iter(said))
    return ", ".join(f"{name} {count}" for name, count in said.items())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
