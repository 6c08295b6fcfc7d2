"""A read-only dashboard: no route, method or layer of it changes a table or a file."""

import contextlib
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna_dashboard import wsgi
from sqlalchemy import inspect, text

from search.dashboard.serving import dashboard
from search.errors import SearchError
from search.records.stored_picture import pictures_of
from storage.address import parse_address
from storage.artifacts import ReadOnlyArtifacts
from storage.database import Database, open_database
from storage.errors import NotPermitted
from storage.lease import Lease
from storage.optuna_store import open_optuna
from tests.fakes.search_process import STUDY, run_search, session_of
from tests.integration.conftest import TEMPLATE, _fresh

WRITING = ("DELETE", "POST", "PUT", "PATCH")
#: Bodies of effective requests; Optuna's dashboard ignores unknown keys.
BODY = {
    "study_name": "another",
    "directions": ["minimize"],
    "body": "a note",
    "version": 1,
    "state": "Fail",
    "user_attrs": {"key": "value"},
    "file": "data:text/plain;base64,aGVsbG8=",
    "filename": "hello.txt",
    "remove_associated_artifacts": True,
}


@pytest.fixture(scope="module")
def searched(
    _template: Database, embedded_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A database with a searched study, a running trial and an artifact."""
    folder = tmp_path_factory.mktemp("dashboard")
    for address in _fresh(_template, embedded_root, template=TEMPLATE):
        fill(address, folder)
        yield address, folder / "artifacts"


def fill(address: str, folder: Path) -> None:
    run_search(address, folder / "checkpoints", trials=3)
    artifacts = folder / "artifacts"
    artifacts.mkdir()
    (folder / "picture.txt").write_text("a picture")
    with open_database(parse_address(address)) as database:
        storage = open_optuna(database)
        study = optuna.load_study(study_name=STUDY, storage=storage)
        storage.create_new_trial(study._study_id)
        upload_artifact(
            artifact_store=FileSystemArtifactStore(artifacts),
            file_path=str(folder / "picture.txt"),
            study_or_trial=study,
        )
        storage.engine.dispose()


def everything(database: Database, artifacts: Path) -> Any:
    """Every row of every table, and every file."""
    rows = {}
    with database.engine.connect() as connection:
        found = inspect(connection)
        for schema in ("umss", "public"):
            for name in found.get_table_names(schema):
                query = text(f"SELECT t::text FROM {schema}.{name} t ORDER BY 1")
                rows[f"{schema}.{name}"] = connection.execute(query).scalars().all()
    files = {path.name: path.read_bytes() for path in sorted(artifacts.iterdir())}
    return rows, files


def ask(application: Any, method: str, path: str, body: dict[str, Any] | None = None) -> int:
    """The status of a request, made as a WSGI server makes it."""
    sent = json.dumps(body or {}).encode()
    answered: list[str] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(sent)),
        "CONTENT_TYPE": "application/json",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_ACCEPT_ENCODING": "",
        "wsgi.input": io.BytesIO(sent),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    chunks = application(environ, lambda status, headers, *rest: answered.append(status))
    for chunk in chunks:
        assert isinstance(chunk, bytes)
    with contextlib.suppress(AttributeError):
        chunks.close()
    return int(answered[0].split()[0])


def routes(database: Database) -> set[str]:
    """The paths of the dashboard's routes, with the placeholders that they have."""
    storage = open_optuna(database)
    found = {route.rule for route in wsgi(storage).routes}
    storage.engine.dispose()
    return found


def filled(rule: str, ids: dict[str, str]) -> str:
    """A route's path with values from the database in place of its placeholders."""
    path = re.sub(r"<:re:[^>]*>", "", rule)
    return re.sub(r"<(\w+)(:[^>]*)?>", lambda match: ids[match[1]], path)


def identities(database: Database, artifacts: Path) -> list[dict[str, str]]:
    """For each trial, the values that a path may name."""
    with database.engine.connect() as connection:
        study = connection.scalar(text("SELECT study_id FROM public.studies"))
        trials = (
            connection.execute(text("SELECT trial_id FROM public.trials ORDER BY 1"))
            .scalars()
            .all()
        )
    files = [path.name for path in artifacts.iterdir()]
    assert files and len(trials) == 4
    return [
        {
            "study_id": str(study),
            "trial_id": str(trial),
            "artifact_id": files[0],
            "history_id": "0",
            "plot_type": "slice",
            "filename": "bundle.js",
        }
        for trial in trials
    ]


def test_no_route_changes_a_table_or_a_file(searched: tuple[str, Path]) -> None:
    address, artifacts = searched
    with open_database(parse_address(address)) as owner:
        paths = {
            filled(rule, ids)
            for rule, ids in itertools.product(routes(owner), identities(owner, artifacts))
        }
        assert len(paths) > 40
        before = everything(owner, artifacts)
        with (
            open_database(parse_address(address), read_only=True) as database,
            dashboard(database, artifacts=str(artifacts)) as application,
        ):
            for method, path in itertools.product((*WRITING, "OPTIONS", "delete"), sorted(paths)):
                assert ask(application, method, path, BODY) == 403, (method, path)
            assert everything(owner, artifacts) == before
            for method, path in itertools.product(("GET", "HEAD"), sorted(paths)):
                status = ask(application, method, path)
                assert status != 403, path
                assert status < 500 or "/plot/" in path, path  # which needs Plotly
            assert everything(owner, artifacts) == before


def test_reading_requests_are_answered(searched: tuple[str, Path]) -> None:
    address, artifacts = searched
    with (
        open_database(parse_address(address), read_only=True) as database,
        dashboard(database, artifacts=str(artifacts)) as application,
    ):
        ids = identities(database, artifacts)[0]
        for rule in (
            "/dashboard",
            "/api/meta",
            "/api/studies",
            "/api/studies/<study_id>",
            "/artifacts/<study_id>/<artifact_id>",
            "/csv/<study_id>",
        ):
            assert ask(application, "GET", filled(rule, ids)) == 200, rule


#: Changes through the dashboard, in an order in which each finds its object.
CHANGES: list[tuple[str, str]] = [
    ("PUT", "/api/studies/<study_id>/note"),
    ("POST", "/api/artifacts/<study_id>"),
    ("POST", "/api/studies"),
    ("POST", "/api/trials/<trial_id>/tell"),
    ("DELETE", "/api/artifacts/<study_id>/<artifact_id>"),
    ("DELETE", "/api/studies/<study_id>"),
]


def test_the_layers_below_the_filter_hold_alone(searched: tuple[str, Path]) -> None:
    address, artifacts = searched
    with open_database(parse_address(address), read_only=True) as database:
        ids = identities(database, artifacts)[-1]
        before = everything(database, artifacts)
        storage = open_optuna(database)
        store = ReadOnlyArtifacts(FileSystemArtifactStore(artifacts))
        unfiltered = wsgi(storage, artifact_store=store)
        for method, rule in CHANGES:
            assert ask(unfiltered, method, filled(rule, ids), BODY) == 500, rule
        storage.engine.dispose()
        assert everything(database, artifacts) == before


def test_the_store_of_artifacts_refuses_by_itself(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("kept")
    store = ReadOnlyArtifacts(FileSystemArtifactStore(tmp_path))
    refused: list[Callable[[], None]] = [
        lambda: store.write("b", io.BytesIO(b"new")),
        lambda: store.write("a", io.BytesIO(b"new")),
        lambda: store.remove("a"),
    ]
    for change in refused:
        with pytest.raises(NotPermitted):
            change()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    with store.open_reader("a") as reader:
        assert reader.read() == b"kept"


def picture_paths(database: Database) -> dict[str, list[str]]:
    """The addresses of the pictures of every trial, by the trial's state."""
    found: dict[str, list[str]] = {}
    storage = open_optuna(database)
    study = storage.get_study_id_from_name(STUDY)
    for trial in storage.get_all_trials(study):
        ids = [picture.artifact for picture in pictures_of(trial.system_attrs)]
        paths = [f"/artifacts/{study}/{trial._trial_id}/{each}" for each in ids]
        found.setdefault(trial.state.name, []).extend(paths)
    storage.engine.dispose()
    return found


def test_pictures_of_finished_trials_are_served_without_a_flag(
    database_address: str, database: Database, tmp_path: Path
) -> None:
    run_search(database_address, tmp_path, trials=24)
    paths = picture_paths(database)
    assert len(paths["COMPLETE"]) > 3 and paths["PRUNED"] == []
    for read_only in (False, True):
        with (
            open_database(parse_address(database_address), read_only=read_only) as opened,
            dashboard(opened, artifacts=None) as application,
        ):
            assert {ask(application, "GET", path) for path in paths["COMPLETE"]} == {200}


def test_a_picture_that_is_nowhere_is_not_found(
    database_address: str, database: Database, tmp_path: Path
) -> None:
    """Such as on another machine than the one with the folder."""
    run_search(database_address, tmp_path, trials=3)
    (path, *others) = picture_paths(database)["COMPLETE"]
    (tmp_path / "pictures" / path.rpartition("/")[2]).unlink()
    with dashboard(database, artifacts=None) as application:
        assert ask(application, "GET", path) == 404
        assert {ask(application, "GET", each) for each in others} == {200}


def test_pictures_of_a_study_with_an_artifact_store_are_served_from_there(
    database_address: str, database: Database, tmp_path: Path
) -> None:
    run_search(database_address, tmp_path, trials=3, artifacts=tmp_path / "artifacts")
    (path, *_) = picture_paths(database)["COMPLETE"]
    assert not (tmp_path / "pictures").exists()
    with dashboard(database, artifacts=None) as application:
        assert ask(application, "GET", path) == 200


def test_a_resumed_study_with_another_folder_keeps_its_pictures(
    database_address: str, database: Database, tmp_path: Path
) -> None:
    run_search(database_address, tmp_path / "a", trials=3)
    with Lease.acquire(database, STUDY) as lease:
        with contextlib.closing(session_of(database, lease, tmp_path / "b")) as session:
            session.store_target(6)
    run_search(database_address, tmp_path / "b", trials=3)
    paths = picture_paths(database)["COMPLETE"]
    assert all(any((tmp_path / name / "pictures").iterdir()) for name in "ab")
    with dashboard(database, artifacts=None) as application:
        assert {ask(application, "GET", path) for path in paths} == {200}


def test_a_folder_of_artifacts_that_is_a_file_is_refused(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SearchError, match="is not a folder"):
        with dashboard(database, artifacts=str(tmp_path / "file")):
            raise AssertionError("served")
    with dashboard(database, artifacts=str(tmp_path / "none yet")) as application:
        assert ask(application, "GET", "/api/meta") == 200


def test_without_read_only_the_same_requests_change_something(searched: tuple[str, Path]) -> None:
    """Otherwise the tests above could pass because their requests have no effect."""
    address, artifacts = searched
    with open_database(parse_address(address)) as database:
        ids = identities(database, artifacts)[-1]
        with dashboard(database, artifacts=str(artifacts)) as application:
            for method, rule in CHANGES:
                before = everything(database, artifacts)
                assert ask(application, method, filled(rule, ids), BODY) < 400, rule
                assert everything(database, artifacts) != before, rule
