"""The tables that people read, as text: results, what they cost, and single classes."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from search.reporting.comparison_table.table_view import RowView, Spread, StudyResult, TableView

__all__ = ["Cells", "note_lines", "table_parts"]

NOTHING = "-"
#: Columns that are left out where all rows say the same, which a note says instead.
COMMON: dict[str, Callable[[RowView], str]] = {
    "modalities": lambda row: row.texts.modalities,
    "backbone": lambda row: row.texts.backbone,
    "data": lambda row: row.texts.data,
}


@dataclass(frozen=True, kw_only=True)
class Cells:
    """A table of texts."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    #: Whether a column holds words; the others hold numbers.
    words: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A column: its name, and its cell of a row."""

    name: str
    cell: Callable[[RowView], str]
    words: bool = False


def table_parts(view: TableView) -> tuple[Cells, ...]:
    """Results, what they cost, and the IoU of each class if the table asks for it."""
    classes = (_class_cells(view),) if view.classes else ()
    return (_result_cells(view), _cost_cells(view), *classes)


def _result_cells(view: TableView) -> Cells:
    """Who reached what on test, next to the published figures."""
    columns = [
        _Column(name="method", cell=lambda row: row.texts.label, words=True),
        *_common_columns(view),
        _Column(name="fusion", cell=lambda row: row.texts.fusion or NOTHING, words=True),
        _Column(name="mIoU", cell=lambda row: _score(row, "miou")),
        _Column(name="accuracy", cell=lambda row: _score(row, "accuracy")),
    ]
    if any(row.published is not None for row in view.rows):
        columns += [
            _Column(name="published mIoU", cell=lambda row: _quoted(row, "miou")),
            _Column(name="published accuracy", cell=lambda row: _quoted(row, "accuracy")),
            _Column(name="published in", cell=_source, words=True),
        ]
    return _cells("Results on test", columns, view.rows)


def _cost_cells(view: TableView) -> Cells:
    """What each measured row searched, and what it spent."""
    columns = [
        _Column(name="method", cell=lambda row: row.texts.label, words=True),
        *_common_columns(view),
        _Column(name="options", cell=lambda row: row.texts.options or NOTHING, words=True),
        _of_result("trials", _trials),
        _of_result("pruned", lambda result: str(result.counts.pruned)),
        _of_result("searched", lambda result: str(result.searched)),
        _of_result("dimensions", lambda result: str(result.dimensions)),
        _of_result("looks", lambda result: str(result.looks)),
        _of_result("iterations", lambda result: str(result.iterations)),
        _of_result("hours", lambda result: _decimals(result.hours, 2)),
        _of_result("confirmed trial", _confirmed),
        _of_result("value on val", lambda result: spread_text(result.val)),
        _of_result("test readings", lambda result: str(result.readings)),
    ]
    measured = [row for row in view.rows if row.result is not None]
    return _cells("Search, cost and protocol", columns, measured)


def _class_cells(view: TableView) -> Cells:
    """IoU of each class: measured on val, and below it what is published."""
    found = [
        each
        for row in view.rows
        for each in (row.result, row.published)
        if each is not None and each.classes
    ]
    names = dict.fromkeys(name for each in found for name in each.classes)
    common = _common_columns(view)
    header = ("method", *(column.name for column in common), "from", *names)
    rows = []
    for row in view.rows:
        start = (row.texts.label, *(column.cell(row) for column in common))
        if row.result is not None:
            rows.append((*start, "val", *_ious(row.result.classes, names)))
        if row.published is not None and row.published.classes:
            rows.append((*start, row.published.source, *_ious(row.published.classes, names)))
    words = (True,) * (len(common) + 2) + (False,) * len(names)
    return Cells(title="IoU of each class", header=header, rows=tuple(rows), words=words)


def _ious(classes: Mapping[str, float], names: Iterable[str]) -> list[str]:
    return [_decimals(classes.get(name), 1) for name in names]


def _cells(title: str, columns: Sequence[_Column], rows: Sequence[RowView]) -> Cells:
    return Cells(
        title=title,
        header=tuple(column.name for column in columns),
        rows=tuple(tuple(column.cell(row) for column in columns) for row in rows),
        words=tuple(column.words for column in columns),
    )


def _of_result(name: str, text: Callable[[StudyResult], str]) -> _Column:
    """A column of numbers about the study of a row."""
    return _Column(name=name, cell=lambda row: NOTHING if row.result is None else text(row.result))


def _common_columns(view: TableView) -> list[_Column]:
    """The columns in which rows differ."""
    common = _common(view)
    return [
        _Column(name=name, cell=cell, words=True)
        for name, cell in COMMON.items()
        if name not in common
    ]


def _common(view: TableView) -> dict[str, str]:
    """What all rows have in common, by column."""
    found = {name: {cell(row) for row in view.rows} for name, cell in COMMON.items()}
    return {name: next(iter(texts)) for name, texts in found.items() if len(texts) == 1}


def note_lines(view: TableView) -> Iterator[str]:
    """What the figures mean, one line each."""
    if common := _common(view):
        yield f"All rows: {', '.join(f'{name} {text}' for name, text in common.items())}."
    yield (
        f"Each row has a search of its own, of {view.trials} trials; a method without"
        " hyper-parameters runs once. The best settings by val"
        f" ({_finalists(view)}) are trained again with {view.seeds} fresh seeds: mIoU and accuracy"
        " are mean ± standard deviation of these runs on test, in percent."
    )
    yield (
        "searched: hyper-parameters that the search varied. dimensions: one less where all weights"
        " of a loss are among them, of which only ratios matter to Adam. looks: evaluations on"
        " val of a trial that is not pruned. iterations: those of all trials and fresh runs."
        " hours: as long as a process drove the study. test readings: how often the test split"
        " was scored; the last reading counts."
    )
    if view.classes:
        yield (
            "IoU of each class: on val, at the last evaluation of the confirmed trial's own run,"
            " for one seed; published figures as printed."
        )
    protocols = _protocols(view)
    for protocol, labels in protocols.items():
        rows = "all rows" if len(protocols) == 1 else ", ".join(dict.fromkeys(labels))
        yield f"Protocol of {rows}: {protocol}."
    yield from dict.fromkeys(
        f"Published in {row.published.source}: {row.published.protocol}."
        for row in view.rows
        if row.published is not None and row.published.protocol
    )
    for row in view.rows:
        if row.result is not None:
            yield from _warnings(row, row.result, view.seeds)


def _finalists(view: TableView) -> str:
    return "one trial" if view.finalists == 1 else f"the best on average of {view.finalists}"


def _protocols(view: TableView) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in view.rows:
        if row.result is not None and row.result.protocol:
            found.setdefault(row.result.protocol, []).append(row.texts.label)
    return found


def _warnings(row: RowView, result: StudyResult, seeds: int) -> Iterator[str]:
    title = row.texts.title
    if result.counts.failed:
        yield f"{title}: failed trials, which were replaced: {result.counts.failed}."
    if result.failed:
        yield f"{title}: fresh runs that failed and are left out: {result.failed} of {seeds}."
    if result.collapsed:
        yield f"{title}: fresh runs that collapsed, and count: {result.collapsed} of {seeds}."
    if result.miou is not None and result.miou.runs < seeds - result.failed:
        yield f"{title}: fresh runs scored on test: only {result.miou.runs} of {seeds}."


def _trials(result: StudyResult) -> str:
    """The number of trials, or how many there are so far."""
    finished = result.counts.finished
    return str(finished) if finished == result.target else f"{finished} of {result.target}"


def _confirmed(result: StudyResult) -> str:
    if result.trial is None:
        return NOTHING
    return f"{result.trial} by {result.chosen_by}"


def _score(row: RowView, name: str) -> str:
    """A score, or how far the row is."""
    if row.result is None:
        return NOTHING
    if row.result.state == "unusable":
        return "no usable run"
    if row.result.state != "finished":
        return f"({row.result.state})"
    return spread_text(getattr(row.result, name))


def _quoted(row: RowView, name: str) -> str:
    return _decimals(None if row.published is None else getattr(row.published, name), 1)


def _source(row: RowView) -> str:
    return NOTHING if row.published is None else row.published.source


def spread_text(found: Spread | None) -> str:
    """Such as ``31.2 ± 0.8``."""
    if found is None:
        return NOTHING
    if found.deviation is None:
        return f"{found.mean:.1f}"
    return f"{found.mean:.1f} ± {found.deviation:.1f}"


def _decimals(number: float | None, digits: int) -> str:
    unknown = number is None or math.isnan(number)
    return NOTHING if unknown else f"{number:.{digits}f}"
