"""A study that is moved to another database continues as if it had not been moved."""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial
from optuna_dashboard import save_note
from optuna_dashboard._note import get_note_from_system_attrs
from sqlalchemy import inspect, text
from typer.testing import CliRunner

from search.commands.app import app
from search.driver.driver import Ending
from search.errors import StudyFileError
from search.reporting.reading import read_study
from search.transfer.moving import export_study, import_study
from search.transfer.study_file import StudyFile, _closed, read_study_file, write_study_file
from storage.address import parse_address
from storage.database import Database, open_database
from storage.errors import NameTaken, UnknownStudy
from storage.lease import Lease
from storage.optuna_store import open_optuna
from storage.reports import reports_of
from storage.schema import known_versions
from storage.studies import get_study
from tests.fakes.pool import InlinePool
from tests.fakes.search_process import STUDY, claim, session_of
from tests.fakes.store import SilentProgress
from tests.fakes.stored_trials import stored_trials
from tests.integration.conftest import TEMPLATE, _fresh
from trainer.seeds import numpy_generator

TRIALS = 10
ONE_LINE = r"\A[^\n]*\Z"


def drive(database: Database, folder: Path, *, stop_at: int | None = None) -> Ending:
    """Drive the study to its end, or stop it at an order."""
    claim(database, TRIALS, 1)
    with Lease.acquire(database, STUDY) as lease:
        session = session_of(database, lease, folder)
        orders: list[object] = []

        def on_order(worker: str, order: object, hosted: object) -> None:
            orders.append(order)
            if len(orders) == stop_at:
                session.stop("to be moved")

        with contextlib.closing(session):
            return session.drive(InlinePool(1, on_order), SilentProgress())


def stored_results(database: Database) -> tuple[Any, ...]:
    trials = [
        (trial.number, trial.state, trial.value, trial.params, trial.intermediate_values)
        for trial in stored_trials(database, STUDY)
    ]
    return trials, reports_of(database.engine, study=STUDY)


@pytest.fixture
def other(_template: Database, embedded_root: Path) -> Iterator[Callable[[], Database]]:
    """Opens further databases, without any tables."""
    with contextlib.ExitStack() as stack:

        def open_other() -> Database:
            fresh = contextlib.contextmanager(_fresh)
            address = stack.enter_context(fresh(_template, embedded_root, template="template0"))
            return stack.enter_context(open_database(parse_address(address)))

        yield open_other


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stopped")


@pytest.fixture(scope="module")
def stopped(_template: Database, embedded_root: Path, folder: Path) -> Iterator[Database]:
    """A database with a study that was stopped in the middle of a trial."""
    for address in _fresh(_template, embedded_root, template=TEMPLATE):
        with open_database(parse_address(address)) as opened:
            assert drive(opened, folder / "checkpoints", stop_at=17) is Ending.STOPPED
            assert read_study(opened, STUDY).counts.running > 0
            yield opened


@pytest.fixture(scope="module")
def exported(stopped: Database, folder: Path) -> Path:
    export_study(stopped, STUDY, folder / "study.jsonl")
    return folder / "study.jsonl"


@pytest.fixture(scope="module")
def undisturbed(_template: Database, embedded_root: Path, folder: Path) -> Iterator[Any]:
    """The stored results of a search that was never stopped."""
    for address in _fresh(_template, embedded_root, template=TEMPLATE):
        with open_database(parse_address(address)) as opened:
            assert drive(opened, folder / "undisturbed") is Ending.FINISHED
            yield stored_results(opened)


def comparable(content: StudyFile) -> tuple[Any, ...]:
    trials = [{**vars(trial), "_trial_id": None} for trial in content.trials]
    return dataclasses.replace(content, trials=[]), trials


def counts(database: Database) -> dict[str, int]:
    found = inspect(database.engine)
    names = [f"{schema}.{name}" for schema in ("umss", "public")
             for name in found.get_table_names(schema)]  # fmt: skip
    with database.engine.connect() as connection:
        return {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in names
        }


@pytest.mark.parametrize("with_checkpoints", [True, False])
def test_a_moved_study_ends_like_one_that_stayed(
    with_checkpoints: bool,
    exported: Path,
    folder: Path,
    undisturbed: tuple[Any, ...],
    other: Callable[[], Database],
) -> None:
    moved = other()
    import_study(moved, exported)
    places = folder / ("checkpoints" if with_checkpoints else "elsewhere")
    assert drive(moved, places) is Ending.FINISHED
    assert stored_results(moved) == undisturbed


def test_everything_of_a_study_is_moved(
    stopped: Database, other: Callable[[], Database], tmp_path: Path
) -> None:
    storage = open_optuna(stopped)
    study = optuna.load_study(study_name=STUDY, storage=storage)
    study.set_user_attr("test", {"trial": 3, "cluster": [0.1, None]})
    save_note(study, "of the study")
    save_note(optuna.Trial(study, study.trials[2]._trial_id), "of trial 2 " * 500)
    storage.engine.dispose()
    target = other()
    storage = open_optuna(target)
    taken = optuna.create_study(study_name="others", storage=storage)
    for _ in range(5):
        taken.ask()  # ids of trials are no longer those of their numbers
    storage.engine.dispose()

    first, second = tmp_path / "first", tmp_path / "second"
    export_study(stopped, STUDY, first)
    import_study(target, first)
    export_study(target, STUDY, second)
    schemas = known_versions()
    before = read_study_file(first, known_schemas=schemas)
    after = read_study_file(second, known_schemas=schemas)
    assert comparable(after) == comparable(before)
    assert len(before.trials) > 4 and len(before.rows["report"]) > 10

    storage = open_optuna(target)
    study = optuna.load_study(study_name=STUDY, storage=storage)
    attributes = storage.get_study_system_attrs(study._study_id)
    notes = [
        get_note_from_system_attrs(attributes, trial_id)["body"]
        for trial_id in (None, study.trials[2]._trial_id, study.trials[3]._trial_id)
    ]
    storage.engine.dispose()
    assert notes == ["of the study", "of trial 2 " * 500, ""]


def test_a_driven_study_is_exported_as_it_is_and_has_no_driver_after_import(
    stopped: Database, other: Callable[[], Database], tmp_path: Path
) -> None:
    with Lease.acquire(stopped, STUDY) as lease:
        content = export_study(stopped, STUDY, tmp_path / "file")
    assert content.rows["lease"][0]["released_at"] is None
    target = other()
    import_study(target, tmp_path / "file")
    assert read_study(target, STUDY).driver is None
    with Lease.acquire(target, STUDY) as next_lease:
        assert next_lease.epoch == lease.epoch + 1


def test_a_study_without_a_driver_so_far(
    database: Database, other: Callable[[], Database], tmp_path: Path
) -> None:
    record = claim(database, TRIALS, 1)
    export_study(database, STUDY, tmp_path / "file")
    target = other()
    name, content = import_study(target, tmp_path / "file")
    assert (name, content.trials) == (STUDY, [])
    assert get_study(target.engine, STUDY) == record


def test_a_name_that_is_taken_is_refused_whole(
    exported: Path, other: Callable[[], Database], stopped: Database
) -> None:
    before = counts(stopped)
    with pytest.raises(NameTaken, match=ONE_LINE):
        import_study(stopped, exported)
    assert counts(stopped) == before

    target = other()
    storage = open_optuna(target)
    optuna.create_study(study_name=STUDY, storage=storage)
    storage.engine.dispose()
    before = counts(target)
    with pytest.raises(NameTaken, match="already has an Optuna study"):
        import_study(target, exported)
    assert counts(target) == before


def rewritten(path: Path, change: Callable[[list[dict[str, Any]]], None]) -> Path:
    """The file with other content and a checksum that fits: made by hand, not damaged."""
    lines = [json.loads(line) for line in path.read_text().splitlines()][:-1]
    change(lines)
    changed = path.with_name("rewritten")
    changed.write_bytes(b"".join(_closed(lines)))
    return changed


def of_kind(lines: list[dict[str, Any]], kind: str) -> list[Any]:
    return [line[kind] for line in lines if kind in line]


CONTRADICTIONS: dict[str, Callable[[list[dict[str, Any]]], None]] = {
    "parameters of two kinds": lambda lines: of_kind(lines, "trial")[4]["distributions"].update(
        b_self={"name": "CategoricalDistribution", "attributes": {"choices": [1, 2]}}
    ),
    "a value out of range": lambda lines: of_kind(lines, "trial")[2]["params"].update(b_self=7.0),
    "a trial that is missing": lambda lines: lines.remove(
        next(line for line in lines if line.get("trial", {}).get("number") == 3)
    ),
    "an unknown state": lambda lines: of_kind(lines, "trial")[0].update(state="EXPLODED"),
    "a value that is a text": lambda lines: of_kind(lines, "trial")[0].update(values=["x"]),
    "an unknown column": lambda lines: of_kind(lines, "study")[0].update(colour="blue"),
    "another study's report": lambda lines: of_kind(lines, "report")[0].update(study="x"),
    "a report twice": lambda lines: lines.append({"report": of_kind(lines, "report")[0]}),
    "a study twice": lambda lines: lines.append({"study": of_kind(lines, "study")[0]}),
    "no study": lambda lines: lines.remove(next(line for line in lines if "study" in line)),
    "an impossible target": lambda lines: of_kind(lines, "study")[0].update(trials=-1),
    "a time that is none": lambda lines: of_kind(lines, "study")[0].update(created_at="soon"),
    "an unknown kind": lambda lines: lines.append({"virus": {}}),
    "a list": lambda lines: lines.append([1]),  # type: ignore[arg-type]
    "two kinds a line": lambda lines: lines.append({"trial": {}, "report": {}}),
}


def test_a_file_that_contradicts_itself_leaves_nothing(
    exported: Path, other: Callable[[], Database]
) -> None:
    target = other()
    open_optuna(target).engine.dispose()
    before = counts(target)
    for what, change in CONTRADICTIONS.items():
        with pytest.raises(StudyFileError, match=ONE_LINE):
            import_study(target, rewritten(exported, change))
        assert counts(target) == before, what


def test_a_damaged_file_is_one_line(exported: Path, tmp_path: Path) -> None:
    whole = exported.read_bytes()
    generator = numpy_generator(0, "damage")
    ends = [0, 1, *(index + 1 for index, byte in enumerate(whole) if byte == 10)][:-1]
    damaged = [whole[:end] for end in ends]
    for _ in range(200):
        changed = bytearray(whole)
        place = int(generator.integers(len(whole)))
        changed[place] = int(changed[place] + generator.integers(1, 256)) % 256
        damaged.append(bytes(changed))
    damaged += [whole + b"{}\n", whole + whole, b"[" * 100_000, b"\x80\x04\x95", b'{"format": 1}']
    path = tmp_path / "damaged"
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(StudyFileError, match=ONE_LINE):
            read_study_file(path, known_schemas=known_versions())


@pytest.mark.parametrize("key", ["version", "schema"])
def test_a_file_of_a_newer_program_is_refused(key: str, exported: Path) -> None:
    newer = rewritten(exported, lambda lines: lines[0].update({key: 9999}))
    with pytest.raises(StudyFileError, match="a newer version wrote it; update unim2-search"):
        read_study_file(newer, known_schemas=known_versions())


def test_files_and_names_that_cannot_be_used(stopped: Database, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(StudyFileError, match="already exists"):
        export_study(stopped, STUDY, tmp_path / "there")
    assert (tmp_path / "there").read_text() == "mine"
    with pytest.raises(StudyFileError, match="cannot write"):
        export_study(stopped, STUDY, tmp_path / "none" / "file")
    with pytest.raises(UnknownStudy, match="there is no study 'none'"):
        export_study(stopped, "none", tmp_path / "file")
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(StudyFileError, match="cannot read"):
            import_study(stopped, path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["there"]


def test_numbers_are_read_back_to_the_last_bit(exported: Path, tmp_path: Path) -> None:
    content = read_study_file(exported, known_schemas=known_versions())
    odd: list[FrozenTrial] = list(content.trials)
    odd[0].intermediate_values = {1: 0.1 + 0.2, 2: 5e-324, 3: -0.0, 4: 1.7976931348623157e308}
    write_study_file(tmp_path / "again", dataclasses.replace(content, trials=odd))
    read = read_study_file(tmp_path / "again", known_schemas=known_versions())
    assert repr(read.trials[0].intermediate_values) == repr(odd[0].intermediate_values)


def test_export_and_import_from_the_command_line(
    stopped: Database, other: Callable[[], Database], tmp_path: Path
) -> None:
    target = other()
    file = str(tmp_path / "study.jsonl")
    address = str(target.address)

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, list(arguments))

    done = run("export-study", STUDY, file, "--storage", str(stopped.address))
    assert done.exit_code == 0 and "trials written to" in done.stdout
    done = run("import-study", file, "--storage", address)
    assert done.exit_code == 0 and "trials stored in" in done.stdout
    again = run("import-study", file, "--storage", address)
    assert again.exit_code == 2 and again.stderr.count("\n") == 1
    assert stored_results(target) == stored_results(stopped)
