"""Writes a comparison table as files."""

from pathlib import Path

from search.errors import SettingsError
from search.reporting.comparison_table.as_latex import table_latex
from search.reporting.comparison_table.as_markdown import table_markdown
from search.reporting.comparison_table.as_records import table_csv
from search.reporting.comparison_table.table_view import TableView

__all__ = ["write_table"]


def write_table(view: TableView, folder: Path) -> tuple[Path, ...]:
    """Write ``NAME.md``, ``NAME.csv`` and ``NAME.tex``, over those of an earlier call.

    Raises:
        SettingsError: If the folder cannot be written to.
    """
    texts = {".md": table_markdown(view), ".csv": table_csv(view), ".tex": table_latex(view)}
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for ending, text in texts.items():
            path = folder / f"{view.name}{ending}"
            path.write_text(text, encoding="utf-8")
            paths.append(path)
    except OSError as error:
        raise SettingsError(
            f"cannot write the table to {folder}: {error.strerror}; give another --out"
        ) from error
    return tuple(paths)
