"""The page of studies over HTTP: its content, its actions, and the requests that it refuses."""

import contextlib
import http.client
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Never
from urllib.parse import urlencode
from wsgiref.simple_server import make_server

import pytest
from sqlalchemy import text

from search.dashboard import studies_page
from search.dashboard.serving import _one_by_one, _QuietHandler, _Server, dashboard
from search.dashboard.studies_page import StudiesPage
from search.reporting.reading import read_study
from storage.address import parse_address
from storage.database import Database, open_database
from storage.errors import DatabaseUnreachable
from storage.lease import Lease
from storage.studies import create_study, get_study, list_studies, mark_finished
from tests.fakes.search_process import STUDY, claim, new_study, run_search
from trainer.console.shell import search_command, shell_text

TRIALS = 4


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, kw_only=True)
class Site:
    """A dashboard that is served."""

    port: int

    def ask(
        self, method: str, path: str, fields: dict[str, str] | None = None, **headers: str
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = None if fields is None else urlencode(fields)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        found = Answer(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.getheaders()},
            body=answer.read().decode(),
        )
        connection.close()
        return found

    def page(self) -> Answer:
        return self.ask("GET", "/umss/")

    def token(self) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.page().body)
        assert found is not None
        return found[1]

    def send(self, action: str, study: str = STUDY, **fields: str) -> Answer:
        """Send a form as the page's own button does."""
        own = {"token": self.token(), "study": study, **fields}
        return self.ask("POST", f"/umss/{action}", own, Origin=f"http://127.0.0.1:{self.port}")


@contextlib.contextmanager
def served(database: Database) -> Iterator[Site]:
    with dashboard(database, artifacts=None) as application:
        server = make_server(
            "127.0.0.1", 0, _one_by_one(application), _Server, handler_class=_QuietHandler
        )
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Site(port=server.server_port)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def site(database: Database) -> Iterator[Site]:
    with served(database) as found:
        yield found


@pytest.fixture
def driven(database: Database) -> Iterator[None]:
    claim(database, TRIALS, 1)
    with Lease.acquire(database, STUDY):
        yield


class ParsedPage(HTMLParser):
    """Texts and forms of a page, and the resources that a browser would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[str] = []
        self.text = ""
        self.loads: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append(given.get("action") or "")
        if tag in ("script", "img", "iframe", "link"):
            self.loads.append(given.get("src") or given.get("href") or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_study_is_shown_with_its_state_best_progress_and_command(
    database: Database, database_address: str, tmp_path: Path
) -> None:
    run_search(database_address, tmp_path, trials=TRIALS)
    create_study(database.engine, "<b>odd & new</b>", new_study(9))
    with served(database) as site:
        answer = site.page()
    shown = ParsedPage(answer.body)
    best = read_study(database, STUDY).best
    assert answer.status == 200 and best is not None and best.value is not None
    for part in (
        STUDY, f"{TRIALS} of {TRIALS} trials", f"{best.value:.2f}", "finished",
        "<b>odd & new</b>", "0 of 9 trials", "paused", "python -m search next", "no complete",
        "python -m search resume",
    ):  # fmt: skip
        assert part in shown.text, part
    assert "<b>odd" not in answer.body
    assert [load for load in shown.loads if not load.startswith("data:")] == []
    assert sorted(set(shown.forms)) == ["/umss/extend"]


def test_another_host_sees_and_does_nothing(site: Site, database: Database, driven: None) -> None:
    host = f"evil.example:{site.port}"
    fields = {"token": site.token(), "study": STUDY}
    seen = site.ask("GET", "/umss/", Host=host)
    done = site.ask("POST", "/umss/stop", fields, Host=host, Origin=f"http://{host}")
    for answer in (seen, done):
        assert answer.status == 421 and STUDY not in answer.body
        assert answer.body.startswith("this dashboard does not answer to the host 'evil.example")
    assert not get_study(database.engine, STUDY).stop_requested


def test_an_empty_database_has_a_page(site: Site, database: Database) -> None:
    text = ParsedPage(site.page().body).text
    launch = shell_text(search_command("launch", *database.address.flags()))
    assert f"No studies yet: {launch} starts one" in text


@pytest.mark.parametrize("path", ["/umss/", "/umss/none"])
def test_an_outage_is_not_shown_as_an_empty_database(
    path: str, site: Site, driven: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This includes refusals, which show the page as well."""

    def unreachable(database: Database) -> Never:
        raise DatabaseUnreachable("the database is unreachable: it is gone")

    monkeypatch.setattr(studies_page, "read_studies", unreachable)
    answer = site.ask("GET", path)
    text = ParsedPage(answer.body).text
    assert answer.status == 503 and "the database is unreachable" in text
    assert "No studies yet" not in text and "in this database" not in text


def test_a_running_search_is_asked_to_stop(site: Site, driven: None, database: Database) -> None:
    assert ParsedPage(site.page().body).forms == ["/umss/stop", "/umss/extend"]
    answer = site.send("stop")
    assert (answer.status, answer.headers["location"]) == (303, "/umss/")
    assert get_study(database.engine, STUDY).stop_requested
    page = site.page().body
    assert "asked to stop" in page and ParsedPage(page).forms == []


def test_a_real_search_stops(database_address: str, database: Database, tmp_path: Path) -> None:
    """The driver reads the request: it ends before its target."""
    claim(database, 10_000, 1)
    search = threading.Thread(
        target=run_search, args=(database_address, tmp_path), kwargs={"trials": 10_000}
    )
    search.start()
    with open_database(parse_address(database_address)) as own, served(own) as site:
        while "/umss/stop" not in site.page().body:
            assert search.is_alive()
        assert site.send("stop").status == 303
        search.join(timeout=120)
    assert not search.is_alive()
    assert read_study(database, STUDY).counts.finished < 10_000
    assert read_study(database, STUDY).state == "paused"


def test_nothing_to_stop_is_said(site: Site, database: Database) -> None:
    claim(database, TRIALS, 1)
    answer = site.send("stop")
    assert answer.status == 409 and "there is nothing to stop" in answer.body
    assert not get_study(database.engine, STUDY).stop_requested


def test_a_finished_study_is_extended(site: Site, database: Database) -> None:
    claim(database, TRIALS, 1)
    mark_finished(database.engine, STUDY)
    assert site.send("extend", trials="25").status == 303
    record = get_study(database.engine, STUDY)
    assert (record.trials, record.finished_at) == (25, None)
    page = ParsedPage(site.page().body).text
    assert "0 of 25 trials" in page and f"python -m search resume {STUDY}" in page


@pytest.mark.parametrize(
    "trials", ["", "4", "3", "-9", "1e3", "many", "²", "10000000", "9" * 5000]
)
def test_a_wrong_target_is_refused(trials: str, site: Site, database: Database) -> None:
    claim(database, TRIALS, 1)
    answer = site.send("extend", trials=trials)
    assert answer.status == 409 and "give a number of trials above 4" in answer.body
    assert get_study(database.engine, STUDY).trials == TRIALS


def test_a_running_search_is_extended(site: Site, database: Database, driven: None) -> None:
    assert ParsedPage(site.page().body).forms == ["/umss/stop", "/umss/extend"]
    assert site.send("extend", trials="25").status == 303
    assert get_study(database.engine, STUDY).trials == 25


def test_a_study_is_not_extended_while_a_process_confirms_it(
    site: Site, database: Database, driven: None
) -> None:
    mark_finished(database.engine, STUDY)
    answer = site.send("extend", trials="25")
    assert answer.status == 409 and "a process still works on it" in answer.body
    record = get_study(database.engine, STUDY)
    assert record.trials == TRIALS and record.finished_at is not None


Change = Callable[[Site, str], Answer]


def without_token(site: Site, token: str) -> Answer:
    return site.ask("POST", "/umss/stop", {"study": STUDY})


def with_another_token(site: Site, token: str) -> Answer:
    return site.ask("POST", "/umss/stop", {"study": STUDY, "token": token[::-1]})


def from_another_site(site: Site, token: str) -> Answer:
    fields = {"study": STUDY, "token": token}
    return site.ask("POST", "/umss/stop", fields, Origin="http://evil.example")


def across_sites(site: Site, token: str) -> Answer:
    fields = {"study": STUDY, "token": token}
    return site.ask("POST", "/umss/stop", fields, Sec_Fetch_Site="cross-site")


def from_a_sandbox(site: Site, token: str) -> Answer:
    return site.ask("POST", "/umss/stop", {"study": STUDY, "token": token}, Origin="null")


def by_address(site: Site, token: str) -> Answer:
    return site.ask("GET", f"/umss/stop?{urlencode({'study': STUDY, 'token': token})}")


def as_json(site: Site, token: str) -> Answer:
    fields = {"study": STUDY, "token": token}
    return site.ask("POST", "/umss/stop", fields, Content_Type="text/plain")


def of_no_length(site: Site, token: str) -> Answer:
    fields = {"study": STUDY, "token": token}
    return site.ask("POST", "/umss/stop", fields, Content_Length="²")


def too_long(site: Site, token: str) -> Answer:
    fields = {"study": STUDY, "token": token, "more": "x" * 20_000}
    return site.ask("POST", "/umss/stop", fields)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (without_token, 403),
        (with_another_token, 403),
        (from_another_site, 403),
        (across_sites, 403),
        (from_a_sandbox, 403),
        (by_address, 404),
        (as_json, 415),
        (of_no_length, 413),
        (too_long, 413),
    ],
)
def test_only_requests_of_the_page_itself_stop_a_search(
    change: Change, status: int, site: Site, driven: None, database: Database
) -> None:
    assert change(site, site.token()).status == status
    assert not get_study(database.engine, STUDY).stop_requested


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
def test_other_methods_are_refused(method: str, site: Site) -> None:
    assert site.ask(method, "/umss/", {"study": STUDY}).status == 405


def test_no_other_page_shows_it_inside_itself(site: Site) -> None:
    headers = site.page().headers
    assert headers["x-frame-options"] == "DENY" and headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]


def test_the_dashboard_stays_where_it_was(site: Site) -> None:
    assert "Optuna Dashboard" in site.ask("GET", "/dashboard").body
    assert site.ask("GET", "/umss").headers["location"] == "/umss/"
    assert site.ask("GET", "/umss/none").status == 404
    assert site.ask("HEAD", "/umss/").body == ""


def test_an_idle_connection_does_not_delay_others(site: Site) -> None:
    """Browsers open connections that they do not use yet."""
    idle = http.client.HTTPConnection("127.0.0.1", site.port)
    idle.connect()
    assert site.page().status == 200
    idle.close()


def test_a_read_only_viewer_can_stop_nothing(
    database: Database, database_address: str, driven: None
) -> None:
    with open_database(parse_address(database_address), read_only=True) as viewed:
        with served(viewed) as site:
            page = site.page()
            assert page.status == 200 and ParsedPage(page.body).forms == []
            assert "read-only" in page.body and 'name="token"' not in page.body
            with served(database) as other:
                token = other.token()
            for action in ("stop", "extend"):
                fields = {"token": token, "study": STUDY, "trials": "99"}
                assert site.ask("POST", f"/umss/{action}", fields).status == 403
    record = get_study(database.engine, STUDY)
    assert (record.stop_requested, record.trials) == (False, TRIALS)


def test_below_the_filter_the_page_refuses_by_itself(
    database_address: str, database: Database, driven: None
) -> None:
    with open_database(parse_address(database_address), read_only=True) as viewed:
        page = StudiesPage(viewed)
        answered: list[str] = []
        environ: Any = {"REQUEST_METHOD": "POST", "PATH_INFO": "/umss/stop"}
        list(page(environ, lambda status, headers, *rest: answered.append(status)))  # type: ignore[arg-type]
    assert answered == ["403 Forbidden"]
    assert not get_study(database.engine, STUDY).stop_requested


def test_a_role_that_may_only_read_is_refused_in_one_line(
    database: Database, database_address: str, driven: None
) -> None:
    """Without --read-only, the rights of the role hold."""
    with database.engine.begin() as connection:
        connection.execute(text("CREATE ROLE page_viewer LOGIN"))
        connection.execute(text("GRANT USAGE ON SCHEMA umss, public TO page_viewer"))
        for schema in ("umss", "public"):
            connection.execute(
                text(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO page_viewer")
            )
    address = database_address.replace("postgres@", "page_viewer@")
    try:
        with open_database(parse_address(address)) as viewed, served(viewed) as site:
            answer = site.send("stop")
            assert answer.status == 403 and "may not do this" in answer.body
            assert "Traceback" not in answer.body
    finally:
        with database.engine.begin() as connection:
            connection.execute(text("DROP OWNED BY page_viewer"))
            connection.execute(text("DROP ROLE page_viewer"))
    assert not get_study(database.engine, STUDY).stop_requested
    assert [record.name for record in list_studies(database.engine)] == [STUDY]
