"""A table for people, papers and programs: the same figures everywhere, and text escaped."""

import csv
import dataclasses
import io
import json
import math
from pathlib import Path

import pytest
from rich.console import Console

from search.errors import SettingsError
from search.records.confirmation import ConfirmedRun
from search.reporting.comparison_table.as_latex import table_latex
from search.reporting.comparison_table.as_markdown import table_markdown
from search.reporting.comparison_table.as_records import table_csv, table_json
from search.reporting.comparison_table.as_terminal import table_text
from search.reporting.comparison_table.cells import note_lines
from search.reporting.comparison_table.table_view import TableView
from search.reporting.comparison_table.writing import write_table
from tests.unit.search.reporting.comparison_table.tables import (
    confirmed_details,
    make_view,
    with_confirmation,
)


@pytest.fixture
def view(tmp_path: Path) -> TableView:
    return make_view(tmp_path, unim2=confirmed_details())


def test_markdown_has_a_line_per_row_with_the_published_figure_beside_it(view: TableView) -> None:
    lines = table_markdown(view).splitlines()
    assert lines[0] == "# Table \\& co\\_1"
    assert (
        "| UniM2 \\| all | rgb, depth | patch-stats | rooms | conv | 29.0 ± 1.0 | 60.0 ± 2.0 |"
        " 36.9 | - | paper, Table 2 |"
    ) in lines
    assert "| EAGLE | rgb | ViT-S/16 | nyu | - | - | - | 27.4 | 51.6 | paper, Table 2 |" in lines
    assert any("(not started)" in line for line in lines)
    [cost] = [line for line in lines if "pre\\_norm=standardise" in line]
    assert "| 40 | 4 | 8 | 7 | 8 | 4020 |" in cost and "| 31.0 ± 1.0 | 2 |" in cost
    assert not any(line.startswith("| EAGLE") for line in lines[lines.index(cost) - 2 :])


def test_latex_shows_text_literally(view: TableView) -> None:
    text = table_latex(view)
    assert r"\caption{Table \& co\_1: results on test}" in text
    assert r"29.0 $\pm$ 1.0 & 60.0 $\pm$ 2.0 & 36.9 & - & paper, Table 2 \\" in text
    body = [line for line in text.splitlines() if line.endswith(r" \\")]
    widths = {line.count(" & ") for line in body}
    assert len(widths) == 2, "two tables, each with lines of one width"
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2


@pytest.mark.parametrize(
    ("label", "cell"),
    [
        ("[3] STEGO", "{[}3] STEGO"),
        ("* STEGO", "{*} STEGO"),
        ("a<b>|c", r"a\textless{}b\textgreater{}\textbar{}c"),
        (r"50% \x^2~$", r"50\% \textbackslash{}x\textasciicircum{}2\textasciitilde{}\$"),
    ],
)
def test_latex_reads_no_label_as_markup(view: TableView, label: str, cell: str) -> None:
    row = view.rows[1]
    row = dataclasses.replace(row, texts=dataclasses.replace(row.texts, label=label))
    text = table_latex(dataclasses.replace(view, rows=(row,)))
    assert text.count(f"\n{cell} & ") == 2, "in both tables"


def test_csv_and_json_have_every_number_unrounded(view: TableView) -> None:
    kmeans, unim2, eagle = csv.DictReader(io.StringIO(table_csv(view)))
    assert (unim2["test_miou_mean"], unim2["test_miou_deviation"]) == ("29.0", "1.0")
    assert unim2["published_source"] == "paper, Table 2" and unim2["published_accuracy"] == ""
    assert (kmeans["state"], kmeans["test_miou_mean"], kmeans["searched"]) == (
        "not started", "", "0",
    )  # fmt: skip
    assert (eagle["study"], eagle["published_miou"]) == ("", "27.4")
    data = json.loads(json.dumps(table_json(view)))
    assert data["finished"] == 1 and len(data["rows"]) == 3
    assert data["rows"][1]["result"]["miou"] == {"mean": 29.0, "deviation": 1.0, "runs": 3}


def test_csv_separates_failed_trials_from_failed_fresh_runs(view: TableView) -> None:
    row = view.rows[1]
    assert row.result is not None
    counts = dataclasses.replace(row.result.counts, failed=7)
    result = dataclasses.replace(row.result, counts=counts, failed=1, collapsed=2)
    text = table_csv(dataclasses.replace(view, rows=(dataclasses.replace(row, result=result),)))
    [found] = csv.DictReader(io.StringIO(text))
    assert (found["failed"], found["fresh_runs_failed"], found["fresh_runs_collapsed"]) == (
        "7", "1", "2",
    )  # fmt: skip


def test_a_terminal_shows_both_tables_without_breaking_a_number(view: TableView) -> None:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(table_text(view), crop=False)
    text = console.export_text()
    assert "29.0 ± 1.0" in text and "36 by model" in text and "27.4" in text


def test_columns_with_one_value_become_a_note_and_empty_ones_are_left_out(
    view: TableView,
) -> None:
    measured = TableView(**{**vars(view), "rows": view.rows[:1] * 2})
    text = table_markdown(measured)
    assert "- All rows: modalities rgb, depth, backbone patch-stats, data rooms." in text
    assert "published" not in text and "| method | fusion | mIoU | accuracy |" in text


def test_notes_name_the_protocols_and_every_run_that_is_missing(tmp_path: Path) -> None:
    details = confirmed_details(scored=(1,))
    jobs = list(details.view.confirmation.runs)
    runs = {
        jobs[0]: ConfirmedRun(value=30.0, collapsed=True),
        jobs[1]: ConfirmedRun(value=31.0),
        jobs[2]: ConfirmedRun(value=None, failure="x"),
    }
    test = {**(details.view.confirmation.test or {}), "seeds": [1], "planned": [1, 2]}
    stored = dataclasses.replace(details.view.confirmation, runs=runs, test=test)
    notes = list(note_lines(make_view(tmp_path, unim2=with_confirmation(details, stored))))
    title = "UniM2 | all on rgb, depth, patch-stats, rooms"
    assert f"{title}: fresh runs that failed and are left out: 1 of 3." in notes
    assert f"{title}: fresh runs that collapsed, and count: 1 of 3." in notes
    assert f"{title}: fresh runs scored on test: only 1 of 3." in notes
    assert "Protocol of all rows: held-out: median of the last 5 scores on val." in notes
    assert notes.count("Published in paper, Table 2: best on test.") == 1


def test_the_files_are_written_over_and_a_bad_folder_is_refused(
    view: TableView, tmp_path: Path
) -> None:
    for _ in range(2):
        written = write_table(view, tmp_path / "out")
    assert [path.name for path in written] == ["made.md", "made.csv", "made.tex"]
    assert written[0].read_text() == table_markdown(view)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"cannot write the table to .*; give another --out"):
        write_table(view, tmp_path / "file")


def with_classes(view: TableView) -> TableView:
    """The same table, which shows classes: one row has some measured, and some quoted."""
    rows = list(view.rows)
    (place,) = [at for at, row in enumerate(rows) if row.texts.label == "UniM2 | all"]
    result, published = rows[place].result, rows[place].published
    assert result is not None and published is not None
    rows[place] = dataclasses.replace(
        rows[place],
        result=dataclasses.replace(result, classes={"wall": 40.06, "tv": math.nan}),
        published=dataclasses.replace(published, classes={"wall": 53.5, "bed": 52.8}),
    )
    return dataclasses.replace(view, classes=True, rows=tuple(rows))


def test_single_classes_are_shown_if_the_table_asks_for_them(view: TableView) -> None:
    assert "each class" not in table_markdown(view) + table_latex(view)
    shown = with_classes(view)
    lines = table_markdown(shown).splitlines()
    assert lines[lines.index("## IoU of each class") + 2].endswith("| from | wall | tv | bed |")
    [measured] = [line for line in lines if "| val |" in line and "UniM2" in line]
    assert measured.endswith("| val | 40.1 | - | - |")
    [quoted] = [line for line in lines if "| paper, Table 2 | 53.5 | - | 52.8 |" in line]
    assert quoted.startswith("| UniM2")
    assert table_latex(shown).count(r"\begin{table}") == 3
    assert any("for one seed" in line for line in note_lines(shown))
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table_text(shown))
    assert "IoU of each class" in console.export_text()
    record = next(csv.DictReader(io.StringIO(table_csv(shown))))
    assert "val_iou_wall" in record and "published_iou_bed" in record
