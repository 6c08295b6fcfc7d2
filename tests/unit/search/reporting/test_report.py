"""The report: one page without requests, sensible for a study in any state."""

import dataclasses
import datetime
import json
import re
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from search.errors import SearchError
from search.reporting.charts import CHARTS, ChartInputs
from search.reporting.charts.evaluators import importances, most_important
from search.reporting.html.report import write_report
from search.reporting.markdown import study_note
from search.reporting.measures import blocks, compute_of, idle_share, noise
from search.reporting.study_details import StudyDetails
from search.reporting.study_view import TrialView
from search.reporting.trial_pictures import TrialPicture
from search.spaces import Space
from tests.unit.search.reporting.studies import (
    BEST,
    MINUTE,
    NOT_CONFIRMED,
    collapsed,
    details_of,
    full_run,
    healthy_trials,
)
from trainer.figures.quick.sheet import Sheet

NOW = datetime.datetime(2026, 1, 3, tzinfo=datetime.UTC)
#: Attributes with which an element of HTML loads something.
LOADING = ("src", "href", "srcset", "data", "action", "poster", "background")


class Page(HTMLParser):
    """The texts of a page, and the resources that it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in LOADING]

    def handle_data(self, data: str) -> None:
        self.text += data


def written(folder: Path, *studies: StudyDetails) -> Page:
    page = write_report(studies, folder, now=NOW).page
    return Page(page.read_text(encoding="utf-8"))


def running_trials() -> list[TrialView]:
    run = full_run(40, 30.0, state="running", value=None, ended_at=None)
    waiting = full_run(41, 0.0, state="waiting", value=None, scores={}, started_at=None)
    return [*healthy_trials(), run, dataclasses.replace(waiting, ended_at=None, attempts=())]


def failed_trials() -> list[TrialView]:
    failed = full_run(0, 0.0, state="failed", value=None, scores={}, reason="RuntimeError: no")
    return [dataclasses.replace(failed, number=number, figures={}) for number in range(12)]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Page]:
    """The report of a healthy study, with further results."""
    folder = tmp_path_factory.mktemp("report")
    stored = {**details_of().attributes, "expected": {"trial": BEST, "value": 31.2}}
    return folder, written(folder, details_of(attributes=stored))


KINDS = {
    "empty": [],
    "one trial": [full_run(0, 20.0)],
    "all pruned": [collapsed(number) for number in range(12)],
    "all failed": failed_trials(),
    "running": running_trials()[-6:],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_in_any_state_has_a_page(kind: str, tmp_path: Path) -> None:
    page = written(tmp_path, details_of(KINDS[kind]))
    assert "Health checks" in page.text and "Settings and origin" in page.text
    assert ("No complete trial yet" in page.text) == (
        kind in ("empty", "all pruned", "all failed")
    )
    assert "nan" not in re.findall(r"\w+", page.text.lower())
    assert {path.name for path in tmp_path.glob("*.png")} == {
        name for name in re.findall(r"\(([a-z]+\.png)\)", page.text)
    }


def test_a_page_requests_nothing(healthy: tuple[Path, Page]) -> None:
    folder, page = healthy
    assert all(load.startswith(("data:", "#")) for load in page.loads)
    assert not {"script", "iframe", "object", "embed", "form"} & set(page.tags)
    assert page.tags.count("img") == len(list(folder.glob("*.png"))) == len(CHARTS)
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "Content-Security-Policy" in text and "url(" not in text and "@import" not in text


def test_a_page_shows_the_stored_study(healthy: tuple[Path, Page]) -> None:
    _, page = healthy
    for text in (
        f"Best trial {BEST}: 32.00", "Test iou by class, linear probe", "chair", "expected.value",
        "31.2", "training.iterations",
        "claimed    32.00  trial 25", "confirmed  31.00", "0" * 40,
        "one cluster has over 98 %", "torch", "node",
    ):  # fmt: skip
        assert text in page.text, text


def test_text_of_users_is_escaped(tmp_path: Path) -> None:
    odd = "<script>alert(1)</script>"
    details = details_of([full_run(0, 20.0, reason=odd)], attributes={odd: odd})
    page = written(
        tmp_path, dataclasses.replace(details, view=dataclasses.replace(details.view, name=odd))
    )
    assert "script" not in page.tags and odd in page.text


def test_a_study_without_searched_hyper_parameters_gets_no_advice_to_run_more_trials(
    tmp_path: Path,
) -> None:
    one = [full_run(0, 20.0, params={})]
    details = details_of(one, view={"space": Space(()), "confirmation": NOT_CONFIRMED})
    page = written(tmp_path, details)
    found = json.loads((tmp_path / "health.json").read_text(encoding="utf-8"))["rooms-3"]
    note = study_note(details.view, state="finished", now=NOW)
    assert "--trials" not in page.text + note and "hyper-parameter" not in note
    [few] = [each for each in found if each["check"] == "few-full-runs"]
    assert few["level"] == "PASS" and "nothing is searched" in few["finding"]


def test_health_checks_are_also_a_file(healthy: tuple[Path, Page]) -> None:
    found = json.loads((healthy[0] / "health.json").read_text(encoding="utf-8"))
    assert {each["level"] for each in found["rooms-3"]} == {"PASS"}


def test_several_studies_are_side_by_side(tmp_path: Path) -> None:
    first, second = details_of(healthy_trials()[:4]), details_of(healthy_trials()[:3])
    second = dataclasses.replace(second, view=dataclasses.replace(second.view, name="other 4"))
    page = written(tmp_path, first, second)
    assert "Side by side" in page.text and "Unequal budgets (trials)" in page.text
    assert (tmp_path / "compared.png").exists() and (tmp_path / "other_4-history.png").exists()
    assert "Equal budgets." in written(tmp_path / "equal", first, first).text


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SearchError, match="cannot write the report to"):
        written(tmp_path / "file", details_of([]))


def test_a_chart_without_anything_to_show_is_left_out() -> None:
    inputs = ChartInputs(details=details_of([]))
    assert [chart for draw in CHARTS for chart in draw(inputs)] == []


def test_importances_find_the_important_hyper_parameters() -> None:
    runs = [
        full_run(number, 20.0, value=20.0 + 10 * full_run(number, 0.0).params["b_self"])
        for number in range(60)
    ]
    details = details_of(runs)
    found = importances(details)
    assert list(found) == ["PED-ANOVA", "fANOVA"]
    for shares in found.values():
        assert sum(shares.values()) == pytest.approx(1.0)
    assert most_important(details, found, 1) == ("b_self",)
    assert importances(details_of(runs[:3])) == {}


def test_seats_take_waiting_trials_in_order() -> None:
    start = healthy_trials()[0].started_at
    assert start is not None
    times = [(0, 4), (0, 2), (1, 5), (2, 6)]  # sampled, ended
    trials = [
        full_run(n, 20.0, started_at=start + a * MINUTE, ended_at=start + b * MINUTE)
        for n, (a, b) in enumerate(times)
    ]
    found = blocks(details_of(trials, in_flight=3))
    assert [(block.seat, (block.began - start) / MINUTE) for block in found] == [
        (0, 0.0), (1, 0.0), (1, 2.0), (0, 4.0),
    ]  # fmt: skip
    assert idle_share(found) == 0.0
    later = dataclasses.replace(trials[3], started_at=start + 5 * MINUTE)
    found = blocks(details_of([*trials[:3], later], in_flight=3))
    assert idle_share(found) == pytest.approx(1 / 11)


def test_compute_is_saved_by_rules_alone() -> None:
    failed = full_run(2, 0.0, state="failed", value=None, figures={"iteration": 50.0})
    found = compute_of(details_of([full_run(0, 20.0), collapsed(1), failed]))
    assert (found["collapsed"].trained, found["collapsed"].saved) == (30, 70)
    assert (found["failed"].trained, found["failed"].saved) == (50, 0)
    assert (found["complete"].trained, found["complete"].saved) == (100, 0)


def test_noise_is_not_the_slope_of_a_run() -> None:
    steady = {step: 10.0 + step for step in range(1, 11)}
    wild = {step: 10.0 + 8 * (step % 2) for step in range(1, 11)}
    level = noise(details_of([full_run(n, 20.0, scores=steady) for n in range(3)]).view)
    high = noise(details_of([full_run(n, 20.0, scores=wild) for n in range(3)]).view)
    assert level == pytest.approx(0.5**0.5) and high == pytest.approx(32**0.5)
    assert noise(details_of([full_run(0, 20.0)]).view) is None


def best_with(**changes: Any) -> StudyDetails:
    trials = [
        dataclasses.replace(trial, **changes) if trial.number == BEST else trial
        for trial in healthy_trials()
    ]
    return details_of(trials)


def test_the_best_trial_is_shown_by_class_and_in_pictures(tmp_path: Path) -> None:
    sheet = Sheet(30, 20)
    sheet.text((2, 2), "grid")
    pictures = [
        TrialPicture(file="a own.png", data=sheet.png(10)),
        TrialPicture(file="classes.png", data=sheet.png(15)),
        TrialPicture(file="grid.png", data=sheet.png(20)),
    ]
    details = best_with(class_iou={"bed": 4.0, "wall": 31.456})
    found = write_report(
        [details], tmp_path, now=NOW, pictures={details.view.name: pictures}
    ).page.read_text(encoding="utf-8")
    page = Page(found)
    assert page.text.index("IoU by class of the best trial") < page.text.index("31.46")
    assert page.text.index("31.46") < page.text.index("4.00")
    assert "Best trial in pictures" in page.text and "Predictions" in page.text
    for picture in pictures:
        assert f"data:image/png;base64,{b64encode(picture.data).decode()}" in page.loads
    assert (tmp_path / "best-grid.png").read_bytes() == pictures[-1].data
    assert (tmp_path / "best-a_own.png").read_bytes() == pictures[0].data
    places = [found.index(f"best-{name}.png") for name in ("grid", "classes", "a_own")]
    assert places == sorted(places)


def test_a_study_of_an_earlier_version_has_neither(tmp_path: Path) -> None:
    page = written(tmp_path, details_of())
    assert "IoU by class of the best" not in page.text
    assert "Best trial in pictures" not in page.text
