"""A search in a real browser: the dashboard, the page of studies, and the report."""

import datetime
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.reporting.html.report import write_report
from search.reporting.reading import read_details, read_study
from search.reporting.trial_pictures import read_pictures
from storage.address import parse_address
from storage.database import Database, open_database
from storage.lease import Lease
from tests.fakes.browser import CHROMIUM, Browser, browser
from tests.fakes.search_process import STUDY, claim, run_search
from tests.integration.search.test_studies_page import served
from tests.integration.search.test_study_notes import TRIALS, drive

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.timeout(600),
]
LOCAL = ("http://127.0.0.1:", "data:", "about:", "file:", "blob:")


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Browser]:
    with browser(tmp_path / "profile") as opened:
        yield opened


def check_quiet(window: Browser) -> None:
    """No error on the console, and no request to another machine."""
    assert window.errors == []
    assert [address for address in window.requests if not address.startswith(LOCAL)] == []


def test_the_page_of_studies_stops_a_running_search(
    window: Browser, database_address: str, database: Database, tmp_path: Path
) -> None:
    claim(database, 10_000, 1)
    search = threading.Thread(
        target=run_search, args=(database_address, tmp_path), kwargs={"trials": 10_000}
    )
    search.start()
    with open_database(parse_address(database_address)) as own, served(own) as site:
        address = f"http://127.0.0.1:{site.port}/umss/"
        window.open(address)
        while "Stop after" not in window.text:
            assert search.is_alive()
            window.open(address)
        assert "running" in window.text and "driven by pid" in window.text
        window.click("form[action='/umss/stop'] button")
        assert window.evaluate("location.pathname") == "/umss/"
        search.join(timeout=300)
        window.open(address)
        assert f"python -m search resume {STUDY}" in window.text
        window.click("form[action='/umss/extend'] button")
        assert "of 10100 trials" in window.text
    assert not search.is_alive() and read_study(database, STUDY).state == "paused"
    check_quiet(window)


def test_a_read_only_viewer_sees_no_button(
    window: Browser, database_address: str, database: Database
) -> None:
    claim(database, TRIALS, 1)
    with Lease.acquire(database, STUDY):
        with open_database(parse_address(database_address), read_only=True) as viewed:
            with served(viewed) as site:
                window.open(f"http://127.0.0.1:{site.port}/umss/")
                assert "driven by pid" in window.text and "read-only" in window.text
                assert window.evaluate("document.querySelectorAll('form, button').length") == 0
    check_quiet(window)


def test_the_dashboard_shows_study_note_and_name_of_the_value(
    window: Browser, database: Database, tmp_path: Path
) -> None:
    drive(database, tmp_path)
    with served(database) as site:
        window.open(f"http://127.0.0.1:{site.port}/dashboard")
        wait_for(window, STUDY)
        window.open(f"http://127.0.0.1:{site.port}/dashboard/studies/1/note")
        wait_for(window, "What next")
        assert f"python -m search report {STUDY}" in window.text
        answer = window.evaluate("fetch('/api/studies/1').then(answer => answer.text())")
    assert "0.75 mIoU + 0.25 accuracy (%)" in answer
    check_quiet(window)


def test_the_page_of_a_trial_shows_its_pictures(
    window: Browser, database_address: str, database: Database, tmp_path: Path
) -> None:
    run_search(database_address, tmp_path, trials=3)
    shown = "[...document.images].filter(each => each.src.includes('/artifacts/'))"
    with served(database) as site:
        window.open(f"http://127.0.0.1:{site.port}/dashboard/studies/1/trials?numbers=0")
        wait_for(window, "grid.png")
        wait_until(window, f"{shown}.some(each => each.naturalWidth === 300)")
    check_quiet(window)


def wait_for(window: Browser, text: str) -> None:
    """Wait until the page, which fills itself, shows a text."""
    wait_until(window, f"document.body.innerText.includes({text!r})")


def wait_until(window: Browser, condition: str) -> None:
    """Wait until a JavaScript expression is true."""
    shown = (
        f"new Promise(done => {{ const look = () => {condition}"
        " ? done(true) : setTimeout(look, 100); look(); })"
    )
    assert window.evaluate(shown)


def test_the_report_opens_without_an_error_or_a_request(
    window: Browser, database_address: str, database: Database, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    run_search(database_address, tmp_path / "checkpoints", trials=24)
    now = datetime.datetime.now(datetime.UTC)
    details = read_details(database, STUDY)
    assert details.view.best is not None
    pictures, lines = read_pictures(details, details.view.best)
    assert len(pictures) == 1 and lines == ()
    shown = {STUDY: pictures}
    written = write_report([details], tmp_path / "report", now=now, pictures=shown)
    window.open(written.page.as_uri())
    assert "Health checks" in window.text and "What next" in window.text
    assert "Best trial in pictures" in window.text
    assert window.evaluate("[...document.images].every(each => each.naturalWidth > 0)")
    assert window.evaluate("document.images.length") > 3
    assert [address for address in window.requests if not address.startswith("data:")] == [
        written.page.as_uri()
    ]
    check_quiet(window)
