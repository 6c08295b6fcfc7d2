"""A study is deleted with everything that belongs to it, and nothing of another study."""

from pathlib import Path
from typing import Any, NoReturn

import pytest
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from sqlalchemy import inspect, text
from typer.testing import CliRunner

from search.commands.app import app
from search.errors import StudyError
from search.launch.deleting import delete_study, find_belongings
from search.reporting.reading import read_study
from storage.address import parse_address
from storage.database import Database, open_database
from storage.errors import LeaseLost
from storage.lease import Lease
from storage.optuna_store import one_transaction
from storage.studies import create_study, delete_rows, get_study, list_studies
from tests.fakes.search_process import STUDY, claim, new_study, run_search
from tests.fakes.stored_trials import others_study, stored_trials

TRIALS = 3
DRIVEN, REFUSED, STOPPED = 3, 2, 4


def delete(address: str, *arguments: str, answer: str = "") -> tuple[int, str]:
    command = ["delete", STUDY, "--storage", address, *arguments]
    result = CliRunner().invoke(app, command, input=answer)
    return result.exit_code, result.output


def rows(database: Database) -> dict[str, int]:
    """The number of rows of each table of studies, trials and their attributes."""
    found = {}
    with database.engine.connect() as connection:
        for schema in ("umss", "public"):
            for name in inspect(connection).get_table_names(schema):
                count = connection.scalar(text(f"SELECT count(*) FROM {schema}.{name}"))
                found[f"{schema}.{name}"] = int(count or 0)
    for kept in ("umss.lease", "umss.schema_version", "public.alembic_version"):
        found.pop(kept, None)
    return {name: count for name, count in found.items() if "version" not in name}


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


@pytest.fixture
def searched(database_address: str, tmp_path: Path) -> tuple[Path, Path]:
    """Folders of checkpoints and artifacts of a searched study, with a picture."""
    checkpoints, artifacts = tmp_path / "checkpoints", tmp_path / "artifacts"
    run_search(database_address, checkpoints, trials=TRIALS, artifacts=artifacts)
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"picture")
    with open_database(parse_address(database_address)) as database:
        with others_study(database, STUDY) as study:
            upload_artifact(
                artifact_store=FileSystemArtifactStore(artifacts),
                file_path=str(picture),
                study_or_trial=study,
            )
    assert files(artifacts)
    return checkpoints, artifacts


def test_everything_of_a_study_is_deleted(
    searched: tuple[Path, Path], database_address: str, database: Database
) -> None:
    checkpoints, artifacts = searched
    own = [path for path in checkpoints.iterdir() if path.is_dir()]
    assert own and any(rows(database).values())
    code, output = delete(database_address, "--checkpoints", str(checkpoints), answer="y\n")
    assert code == 0 and f"study {STUDY} deleted\nnext: python -m search list" in output
    assert f"{TRIALS} of {TRIALS} trials" in output
    assert f", and {1 + TRIALS} more in {artifacts}\n" in output  # a picture of each trial
    assert f"artifacts: {artifacts}/{own[0].name}, and" in output
    assert not any(path.exists() for path in own)
    assert files(artifacts) == []
    assert not any(rows(database).values()), rows(database)


def test_pictures_beside_the_checkpoints_go_and_those_of_another_study_stay(
    database_address: str, database: Database, tmp_path: Path
) -> None:
    run_search(database_address, tmp_path, trials=TRIALS)
    pictures = tmp_path / "pictures"
    other = pictures / "00000000-0000-5000-8000-000000000000"
    other.write_bytes(b"of another study")
    assert len(files(pictures)) == 1 + TRIALS
    code, output = delete(database_address, "--yes", "--checkpoints", str(tmp_path))
    assert code == 0 and f"pictures: {TRIALS} in {pictures}\n" in output
    assert files(pictures) == [other]


def test_another_study_keeps_everything(
    searched: tuple[Path, Path], database_address: str, database: Database
) -> None:
    checkpoints, _ = searched
    create_study(database.engine, "another", new_study(TRIALS))
    other = checkpoints / "another-0123456789ab"
    other.mkdir()
    assert delete(database_address, "--yes", "--checkpoints", str(checkpoints))[0] == 0
    assert [record.name for record in list_studies(database.engine)] == ["another"]
    assert other.exists()


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [("n\n", STOPPED, "nothing was deleted"), ("", REFUSED, "nobody answered")],
)
def test_nothing_is_deleted_without_a_yes(
    answer: str,
    code: int,
    message: str,
    searched: tuple[Path, Path],
    database_address: str,
    database: Database,
) -> None:
    before, stored = rows(database), files(searched[0]) + files(searched[1])
    found = delete(database_address, "--checkpoints", str(searched[0]), answer=answer)
    assert found[0] == code and message in found[1]
    assert rows(database) == before
    assert files(searched[0]) + files(searched[1]) == stored


def test_nothing_is_deleted_without_a_standard_input(
    searched: tuple[Path, Path],
    database_address: str,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lost(prompt: str) -> NoReturn:
        raise RuntimeError("input(): lost sys.stdin")

    monkeypatch.setattr("typer.confirm", lost)
    before = rows(database)
    code, said = delete(database_address, "--checkpoints", str(searched[0]), answer="")
    assert code == REFUSED and "nobody answered" in said
    assert rows(database) == before


def test_a_driven_study_stays(database_address: str, database: Database) -> None:
    claim(database, TRIALS, 1)
    with Lease.acquire(database, STUDY):
        code, output = delete(database_address, "--yes")
        assert code == DRIVEN and "driven by pid" in output and "python -m search stop" in output
        assert get_study(database.engine, STUDY)
    assert delete(database_address, "--yes")[0] == 0


def test_a_study_deleted_in_optuna_is_deleted_too(
    database_address: str, database: Database, tmp_path: Path
) -> None:
    run_search(database_address, tmp_path, trials=TRIALS)
    with others_study(database, STUDY) as study:
        study._storage.delete_study(study._study_id)
    assert delete(database_address, "--yes", "--checkpoints", str(tmp_path))[0] == 0
    assert list_studies(database.engine) == ()


def test_an_unusable_place_is_refused_before_anything_is_deleted(
    searched: tuple[Path, Path], database_address: str, database: Database
) -> None:
    before, stored = rows(database), files(searched[0]) + files(searched[1])
    folder = ("--checkpoints", str(searched[0]))
    code, output = delete(database_address, "--yes", *folder, "--artifacts", "gs://bucket")
    assert code == REFUSED and "gs://bucket is not a valid place" in output
    assert rows(database) == before
    assert files(searched[0]) + files(searched[1]) == stored


def test_a_study_that_was_created_again_meanwhile_stays(
    searched: tuple[Path, Path], database_address: str, database: Database
) -> None:
    """While the question waits for its answer, another user deletes and recreates the study."""
    checkpoints, artifacts = searched
    view = read_study(database, STUDY)
    found = find_belongings(database, view, checkpoints=checkpoints, artifacts=None)
    elsewhere = (
        "--checkpoints",
        str(checkpoints / "none"),
        "--artifacts",
        str(artifacts / "none"),
    )
    assert delete(database_address, "--yes", *elsewhere)[0] == 0
    create_study(database.engine, STUDY, new_study(TRIALS))
    stored = files(checkpoints) + files(artifacts)
    with pytest.raises(StudyError, match="created again meanwhile"):
        delete_study(database, found)
    assert get_study(database.engine, STUDY)
    assert files(checkpoints) + files(artifacts) == stored


def test_a_picture_added_meanwhile_is_deleted_too(
    searched: tuple[Path, Path], database: Database, tmp_path: Path
) -> None:
    checkpoints, artifacts = searched
    view = read_study(database, STUDY)
    found = find_belongings(database, view, checkpoints=checkpoints, artifacts=None)
    with others_study(database, STUDY) as study:
        upload_artifact(
            artifact_store=FileSystemArtifactStore(artifacts),
            file_path=str(tmp_path / "picture.png"),
            study_or_trial=study,
        )
    assert delete_study(database, found) == ()
    assert files(artifacts) == []


def test_an_unknown_study_is_one_line(database_address: str) -> None:
    code, output = delete(database_address, "--yes")
    assert code == REFUSED and output.count("\n") == 1
    assert "python -m search list --storage" in output


def test_a_frozen_driver_writes_to_no_later_study_of_that_name(
    database_address: str, database: Database, tmp_path: Path
) -> None:
    claim(database, TRIALS, 1)
    frozen = Lease.acquire(database, STUDY)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE umss.lease SET renewed_at = now() - interval '1 hour'"))
        connection.execute(text("UPDATE umss.lease SET host = 'elsewhere', boot_id = ''"))
    assert delete(database_address, "--yes", "--checkpoints", str(tmp_path))[0] == 0
    claim(database, TRIALS, 1)
    with Lease.acquire(database, STUDY):
        with pytest.raises(LeaseLost), one_transaction(database, lease=frozen) as (connection, _):
            delete_rows(connection, STUDY)
    assert get_study(database.engine, STUDY)
    frozen.release()


def test_trials_of_a_recreated_study_start_from_scratch(
    searched: tuple[Path, Path], database_address: str, database: Database
) -> None:
    checkpoints, _ = searched
    before: list[Any] = [trial.value for trial in stored_trials(database, STUDY)]
    assert delete(database_address, "--yes", "--checkpoints", str(checkpoints))[0] == 0
    run_search(database_address, checkpoints, trials=TRIALS)
    assert [trial.value for trial in stored_trials(database, STUDY)] == before
