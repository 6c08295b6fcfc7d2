"""Write a report: draw the charts of some studies, and fill the template."""

import base64
import datetime
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from matplotlib.figure import Figure

from search.errors import SearchError
from search.reporting.charts import CHARTS, Chart, ChartInputs
from search.reporting.charts.compared import draw_compared
from search.reporting.charts.evaluators import importances, most_important
from search.reporting.health import Finding, HealthCheck, examine, health_json
from search.reporting.html.page import Picture, StudyPage, comparison, study_page
from search.reporting.study_details import StudyDetails
from search.reporting.templates import load_template
from search.reporting.trial_pictures import TrialPicture
from trainer.figures.canvas import style

__all__ = ["WrittenReport", "write_report"]

#: Names of the files that every report has.
PAGE, HEALTH = "report.html", "health.json"
DOTS = 140  # per inch, for sharp text on dense screens; a page of ten charts has 1 to 3 MB
TEMPLATE = Path(__file__).with_name("page.html.jinja")
#: Title and note of a trial's pictures, by file, in their order; any other has its file's name.
CAPTIONS: Mapping[str, tuple[str, str]] = {
    "grid.png": ("Predictions", "A few images of val: every modality, labels, and clusters."),
    "confusion.png": (
        "Confusion",
        "Where the pixels of each class (row) go. A cluster has the name of the class it matches.",
    ),
    "classes.png": ("Class distribution", "How often each class is labelled, and predicted."),
    "losses.png": ("Losses", "Each term of the loss, such as one per modality, and their sum."),
}


@dataclass(frozen=True, kw_only=True)
class WrittenReport:
    """What was written."""

    page: Path
    #: What the health checks found, by study.
    health: Mapping[str, Sequence[tuple[HealthCheck, Finding]]]


def write_report(
    studies: Sequence[StudyDetails],
    folder: Path,
    *,
    now: datetime.datetime,
    pictures: Mapping[str, Sequence[TrialPicture]] = MappingProxyType({}),
) -> WrittenReport:
    """Write ``report.html``, ``health.json``, and one PNG per chart and picture.

    Args:
        studies: At least one; several are also shown side by side.
        folder: Where to write; files of an earlier report are replaced.
        now: When the studies were read.
        pictures: Pictures of the best trial of each study, by the study's name.

    Raises:
        SearchError: If a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with style():
            pages = [
                _study(
                    details,
                    folder,
                    several=len(studies) > 1,
                    pictures=pictures.get(details.view.name, ()),
                )
                for details in studies
            ]
            compared = None
            if len(studies) > 1:
                compared = _saved(draw_compared(studies), folder, prefix="")
        health = {page.name: health_json(tuple(page.health)) for page in pages}
        (folder / HEALTH).write_text(json.dumps(health, indent=1) + "\n", encoding="utf-8")
        text = load_template(TEMPLATE).render(
            pages=pages,
            comparison=comparison(studies) if len(studies) > 1 else None,
            compared=compared,
            now=f"{now:%Y-%m-%d %H:%M} UTC",
        )
        path = folder / PAGE
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SearchError(
            f"cannot write the report to {folder} ({error.strerror}): free space, or give another"
            " --out"
        ) from error
    return WrittenReport(page=path, health={page.name: page.health for page in pages})


def _study(
    details: StudyDetails, folder: Path, *, several: bool, pictures: Sequence[TrialPicture]
) -> StudyPage:
    found = importances(details)
    count = len(details.hyper_parameters)
    inputs = ChartInputs(
        details=details, importances=found, leading=most_important(details, found, count)
    )
    prefix = f"{_file_name(details.view.name)}-" if several else ""
    charts = [_saved(chart, folder, prefix=prefix) for chart in _charts(inputs)]
    ordered = sorted(pictures, key=lambda picture: _place(picture.file))
    best = [_saved_picture(each, folder, prefix=prefix) for each in ordered]
    return study_page(details, examine(details), charts, best)


def _charts(inputs: ChartInputs) -> Iterator[Chart]:
    for draw in CHARTS:
        yield from draw(inputs)


def _saved(chart: Chart, folder: Path, *, prefix: str) -> Picture:
    name, data = f"{prefix}{chart.name}.png", _png(chart.figure)
    (folder / name).write_bytes(data)
    return Picture(title=chart.title, note=chart.note, file=name, address=_address(data))


def _saved_picture(picture: TrialPicture, folder: Path, *, prefix: str) -> Picture:
    name = f"{prefix}best-{_file_name(picture.file)}"
    (folder / name).write_bytes(picture.data)
    title, note = CAPTIONS.get(picture.file, (picture.file, ""))
    return Picture(title=title, note=note, file=name, address=_address(picture.data))


def _place(file: str) -> int:
    """Where a picture stands in the page; those of others come last."""
    known = list(CAPTIONS)
    return known.index(file) if file in known else len(known)


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DOTS, metadata={"Software": None})
    return stream.getvalue()


def _file_name(name: str) -> str:
    """A study's name in the name of a file."""
    return re.sub(r"[^\w.-]+", "_", name)
