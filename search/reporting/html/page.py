"""The tables of a report as plain data, ready for the template."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.records.stored_trial import TEST_ATTRIBUTE, kind_text
from search.reporting.advice import Step, next_steps
from search.reporting.assessment_text import assessment_lines
from search.reporting.compared_studies import compare, comparison_rows
from search.reporting.digest import (
    compute_lines,
    counts_text,
    lines_of_others,
    number_text,
    pruned_of,
    tally_reasons,
)
from search.reporting.health import Finding, HealthCheck
from search.reporting.measures import (
    compute_of,
    deviation,
    full_runs,
    value_of,
)
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import TrialView
from trainer.config.toml_records import flat_table

__all__ = ["Picture", "StudyPage", "Table", "comparison", "study_page"]

#: Rows of the table of best trials, and of the table of failed ones.
BEST, FAILURES = 10, 10
#: Characters of a value that a table shows.
LONGEST = 300


@dataclass(frozen=True, kw_only=True)
class Table:
    """Texts in rows and columns."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    #: Whether it starts folded.
    folded: bool = False


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as it is embedded in the page."""

    title: str
    #: How to read it.
    note: str
    #: Name of the file beside the page.
    file: str
    #: The picture as a ``data:`` address.
    address: str


@dataclass(frozen=True, kw_only=True)
class StudyPage:
    """Everything that the page shows of one study."""

    details: StudyDetails
    #: State, counts, compute and changes by others, one line each.
    lines: Sequence[str]
    #: What the study claims, what to expect, and what fresh runs confirmed, one line each.
    assessment: Sequence[str]
    health: Sequence[tuple[HealthCheck, Finding]]
    #: What to do next, by expected gain per hour.
    steps: Sequence[Step]
    tables: Sequence[Table]
    pictures: Sequence[Picture]
    #: What the best trial predicts; empty if it has no pictures.
    best_pictures: Sequence[Picture]
    #: Tables on where the results come from.
    origin: Sequence[Table]

    @property
    def name(self) -> str:
        """The study's name."""
        return self.details.view.name

    @property
    def levels(self) -> Mapping[str, int]:
        """How many checks found each level."""
        found = [finding.level for _, finding in self.health]
        return {level: found.count(level) for level in ("FAIL", "WARN", "PASS")}


def study_page(
    details: StudyDetails,
    health: Sequence[tuple[HealthCheck, Finding]],
    pictures: Sequence[Picture],
    best_pictures: Sequence[Picture] = (),
) -> StudyPage:
    """Everything that the page shows of a study."""
    view = details.view
    driver = f", {view.driver}" if view.driver else ""
    return StudyPage(
        details=details,
        lines=[
            f"{view.state}{driver}",
            counts_text(view),
            *compute_lines(view),
            *lines_of_others(view),
        ],
        assessment=_assessment(details),
        health=health,
        steps=next_steps(details),
        tables=[table for table in _tables(details) if table.rows],
        pictures=pictures,
        best_pictures=best_pictures,
        origin=[table for table in _origin(details) if table.rows],
    )


def _assessment(details: StudyDetails) -> list[str]:
    """The lines of the assessment without its warnings, which the health checks repeat."""
    if details.assessment is None:
        return []
    lines = assessment_lines(details.assessment)
    return [line for line in lines if not line.startswith("warning")]


def comparison(studies: Sequence[StudyDetails]) -> Table:
    """The studies side by side, with unequal budgets marked."""
    found = compare(studies)
    return Table(
        title="Side by side",
        header=["", *(details.view.name for details in studies)],
        rows=[[title, *texts] for title, texts in comparison_rows(found).items()],
        note=" ".join(found.notes),
    )


def _tables(details: StudyDetails) -> Iterator[Table]:
    yield _best_values(details)
    yield _best_classes(details)
    yield _test_scores(details)
    yield from _class_scores(details)
    yield _best_trials(details)
    yield _reasons(details)
    yield _compute(details)
    yield _failures(details)


def _best_values(details: StudyDetails) -> Table:
    view = details.view
    best = view.best
    rows = []
    if best is not None:
        shown = {name: number_text(value) for name, value in view.defaults.items()}
        rows = [
            [name, number_text(value), shown.get(name, "")] for name, value in best.params.items()
        ]
    title = "Best trial" if best is None else f"Best trial {best.number}: {value_of(best):.2f}"
    note = "; ".join(filter(None, (view.objective_title, view.protocol)))
    return Table(title=title, header=("hyper-parameter", "value", "default"), rows=rows, note=note)


def _best_classes(details: StudyDetails) -> Table:
    """The IoU of each class, the best first."""
    best = details.view.best
    by_class = {} if best is None else best.class_iou
    order = sorted(by_class.items(), key=lambda item: -item[1])
    return Table(
        title="IoU by class of the best trial",
        header=("class", "%"),
        rows=[[name, f"{iou:.2f}"] for name, iou in order],
        note="Cluster probe on val, at the last evaluation.",
    )


def _test_scores(details: StudyDetails) -> Table:
    """The numbers of every probe on the test split."""
    test = details.view.test or {}
    rows = [
        [f"{probe} probe", metric, f"{value:.2f}"]
        for probe, scores in test.items()
        if isinstance(scores, Mapping)
        for metric, value in scores.items()
        if isinstance(value, int | float)
    ]
    note = f"Trial {test.get('trial')}, scored once; no decision depends on it."
    return Table(title="Test scores", header=("probe", "metric", "%"), rows=rows, note=note)


def _class_scores(details: StudyDetails) -> Iterator[Table]:
    """A table for each mapping among the test scores, such as the IoU of each class."""
    for probe, scores in (details.view.test or {}).items():
        if isinstance(scores, Mapping):
            for metric, values in scores.items():
                if isinstance(values, Mapping):
                    yield Table(
                        title=f"Test {metric} by class, {probe} probe",
                        header=("class", "%"),
                        rows=[[str(name), _text(value)] for name, value in values.items()],
                    )


def _best_trials(details: StudyDetails) -> Table:
    runs = full_runs(details.view)[:BEST]
    figures = list(dict.fromkeys(name for trial in runs for name in _figures(trial)))
    return Table(
        title="Best trials",
        header=("trial", "value", "deviation", "attempts", *figures),
        rows=[
            [
                str(trial.number),
                f"{value_of(trial):.2f}",
                _text(deviation(trial)),
                str(len(trial.attempts)),
                *(_text(_figures(trial).get(name, "")) for name in figures),
            ]
            for trial in runs
        ],
        note="Deviation is that of the run's last scores. The columns after the attempts are"
        " criteria of the last evaluation, and other numbers stored with the trial.",
    )


def _figures(trial: TrialView) -> Mapping[str, float]:
    return {
        name: value
        for name, value in trial.figures.items()
        if name not in ("evaluation", "iteration")
    }


def _reasons(details: StudyDetails) -> Table:
    return Table(
        title="Why trials were pruned",
        header=("pruned", "trials", "for example"),
        rows=[
            [
                kind_text(row.kind),
                str(row.count),
                f"trial {row.example.number}: {row.example.reason}",
            ]
            for row in tally_reasons(pruned_of(details.view))
        ],
    )


def _compute(details: StudyDetails) -> Table:
    return Table(
        title="Compute",
        header=("outcome", "trials", "iterations trained", "planned", "saved"),
        rows=[
            [
                outcome,
                str(each.trials),
                f"{each.trained:,}",
                f"{each.planned:,}",
                f"{100 * each.saved / each.planned:.0f} %" if each.planned else "",
            ]
            for outcome, each in compute_of(details).items()
        ],
    )


def _failures(details: StudyDetails) -> Table:
    failed = [trial for trial in details.view.trials if trial.state == "failed" and trial.reason]
    more = f" The first {FAILURES} of {len(failed)}." if len(failed) > FAILURES else ""
    return Table(
        title="Failed trials",
        header=("trial", "reason", "attempts"),
        rows=[
            [str(trial.number), trial.reason[:LONGEST], ", ".join(trial.attempts)]
            for trial in failed[:FAILURES]
        ],
        note=f"The command status --failures shows their tracebacks.{more}",
    )


def _origin(details: StudyDetails) -> Iterator[Table]:
    view = details.view
    general = {
        "protocol": view.protocol or "of another version",
        "seed of the study": view.seed,
        "created (UTC)": f"{view.created_at:%Y-%m-%d %H:%M}",
        "finished (UTC)": f"{details.finished_at:%Y-%m-%d %H:%M}" if details.finished_at else "",
        "trials in flight": details.in_flight,
        "revision of the code": details.revision or "unknown",
    }
    yield _pairs("Origin", general, folded=False)
    yield Table(
        title="Search space",
        header=("hyper-parameter", "from", "to", "default", "scale", "meaning"),
        rows=[
            [
                each.name,
                f"{each.low:g}",
                f"{each.high:g}",
                f"{each.default:g}",
                "log" if each.log else "linear",
                each.meaning,
            ]
            for each in details.hyper_parameters
        ],
        folded=True,
    )
    yield _pairs("Settings", flat_table(view.config))
    yield _pairs("Versions", details.versions)
    yield _pairs("Fingerprints of data and weights", flat_table(details.fingerprints))
    yield Table(
        title="Drivers",
        header=("host", "process", "from (UTC)", "to (UTC)"),
        rows=[
            [
                each.host,
                str(each.pid),
                f"{each.began:%Y-%m-%d %H:%M:%S}",
                f"{each.ended:%Y-%m-%d %H:%M:%S}" if each.ended else "",
            ]
            for each in details.sessions
        ],
        folded=True,
    )
    others = {name: value for name, value in details.attributes.items() if name != TEST_ATTRIBUTE}
    yield _pairs("Further results stored with the study", flat_table(others))


def _pairs(title: str, values: Mapping[str, Any], *, folded: bool = True) -> Table:
    rows = [[name, _text(value)] for name, value in values.items()]
    return Table(title=title, header=("name", "value"), rows=rows, folded=folded)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
