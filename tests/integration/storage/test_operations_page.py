"""The commands of docs/operations.md, run as written there."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from search.reporting.reading import read_study
from storage.address import parse_address
from storage.database import Database, open_database
from storage.studies import create_study
from tests.fakes.search_process import new_study, run_search
from tests.fakes.stored_trials import stored_trials
from tests.integration.conftest import TEMPLATE, _fresh

REPOSITORY = Path(__file__).parents[3]
PAGE = (REPOSITORY / "docs" / "operations.md").read_text()
BLOCKS = re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
ROLES = ("unim2_driver", "unim2_viewer")


@pytest.fixture
def owner(_template: Database, embedded_root: Path, tmp_path: Path) -> Iterator[str]:
    """A database with a study that was searched, and one called first."""
    for address in _fresh(_template, embedded_root, template=TEMPLATE):
        run_search(address, tmp_path / "checkpoints", trials=3)
        with open_database(parse_address(address)) as database:
            create_study(database.engine, "first", new_study(2))
        yield address
    for role in ROLES:
        with _template.engine.begin() as connection:
            connection.exec_driver_sql(f"DROP ROLE IF EXISTS {role}")


def run(block: str, *, owner: str, other: str, folder: Path, programs: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{programs}:{os.environ['PATH']}",
            "OWNER": owner,
            "DRIVER": owner.replace("postgres@", "unim2_driver@"),
            "VIEWER": owner.replace("postgres@", "unim2_viewer@"),
            "OTHER": other,
            "SECRETS": str(folder / "secrets"),
            "BACKUPS": str(folder / "backups"),
        },
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, block + done.stdout + done.stderr
    return done.stdout


def stored_results(address: str) -> list[object]:
    with open_database(parse_address(address)) as database:
        trials = stored_trials(database, "study")
        return [(trial.number, trial.params, trial.values) for trial in trials]


@pytest.mark.long
def test_every_block_of_the_page(
    owner: str, _template: Database, embedded_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "backups").mkdir()
    for role in ("driver", "viewer"):
        (tmp_path / "secrets" / f"{role}_password").write_text(f"of the {role}\n")
    assert _template.server is not None
    programs = _template.server.programs.binaries
    fresh = contextlib.contextmanager(_fresh)
    assert len(BLOCKS) >= 5
    restored = imported = False
    for block in BLOCKS:
        with fresh(_template, embedded_root, template="template0") as other:
            run(block, owner=owner, other=other, folder=tmp_path, programs=programs)
            if "pg_restore" in block:
                assert stored_results(other) == stored_results(owner)
                restored = True
            if "import-study" in block:
                with open_database(parse_address(other)) as database:
                    imported = read_study(database, "first").target == 2
    assert restored and imported
    assert roles_made(_template) == set(ROLES)


def roles_made(server: Database) -> set[str]:
    with server.engine.connect() as connection:
        query = text("SELECT rolname FROM pg_roles WHERE rolname LIKE 'unim2!_%' ESCAPE '!'")
        return set(connection.execute(query).scalars())
