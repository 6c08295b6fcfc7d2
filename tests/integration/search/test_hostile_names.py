"""Names of studies that would mean something else to SQL, a shell, a path, or a page."""

import contextlib
import json
from pathlib import Path
from typing import Any, Never

import pytest
from typer.testing import CliRunner

from search.commands.app import app
from search.driver.parts import Parts
from search.reporting.reading import read_study
from search.transfer.moving import export_study
from storage.address import parse_address
from storage.database import Database, open_database
from storage.lease import Lease
from storage.studies import LONGEST_NAME, create_study, list_studies
from tests.fakes.pool import InlinePool
from tests.fakes.search_process import new_study, session_of
from tests.fakes.store import SilentProgress

NAMES = (
    "Robert'); DROP TABLE umss.study; --",
    "\"double\" 'single' `back`",
    "../../../../etc/cron.d/x",
    "..",
    "/etc/passwd",
    "a\\b|c:d*e?f<g>h",
    "%s %(name)s %% {0} {x} $HOME $(touch x)",
    "<script>alert(1)</script>",
    "[red]not red[/red]",
    "--storage",
    "研究 \U0001f600 é",
    "n" * LONGEST_NAME,
)
#: Those that would be something else as a path: they are searched, so that files are written.
PATHS = (NAMES[2], "..", "/etc/passwd", NAMES[5])
#: Longer than PostgreSQL, a path or a line of the terminal allows.
REFUSED = (
    "line\nbreak",
    "tab\there",
    "\x1b[31mred",
    "nul\x00",
    "\ud800",
    " around ",
    "",
    "x" * 10_000,
)


def drive(database: Database, name: str, folder: Path) -> None:
    with Lease.acquire(database, name) as lease:
        with contextlib.closing(session_of(database, lease, folder)) as session:
            session.drive(InlinePool(1), SilentProgress())


def no_workers(*arguments: object, **options: object) -> Never:
    raise AssertionError("a worker was about to start")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments), obj=Parts(open_workers=no_workers))


def test_a_name_is_a_name_and_nothing_else(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "checkpoints"
    address = database.address.masked()
    for name in NAMES:
        create_study(database.engine, name, new_study(1))
        if name in PATHS:
            drive(database, name, folder)
        assert read_study(database, name).counts.finished == (name in PATHS)
        export_study(database, name, tmp_path / "file")
        (tmp_path / "file").unlink()
    assert tuple(study.name for study in list_studies(database.engine)) == NAMES
    listed = json.loads(run("list", "--storage", address, "--json").stdout)
    assert [study["study"] for study in listed] == list(NAMES)
    assert "[red]not red[/red]" in run("list", "--storage", address).stdout
    for name in ("[red]not red[/red]", "--storage", NAMES[0]):
        shown = run("status", "--storage", address, "--", name)
        assert shown.exit_code == 0 and name in shown.stdout, shown.output
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["checkpoints"]
    assert len(list(folder.iterdir())) == len(PATHS)


@pytest.mark.parametrize("name", REFUSED, ids=lambda name: repr(name[:12]))
def test_a_name_that_no_study_may_have_is_one_short_line(
    name: str, database_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UMSS_BOOKINGS", str(tmp_path))
    commands = [["launch", "--study", name, "--workers", "1", "--device", "cpu"]]
    commands += [[verb, name] for verb in ("status", "resume", "stop", "best", "confirm")]
    if name:
        commands.append(["export-study", name, str(tmp_path / "file")])
    for command in commands:
        refused = run(*command, "--storage", database_address)
        assert refused.exit_code == 2, refused.output
        message = refused.stderr.rstrip("\n")
        assert message.startswith("error: ") and message.isprintable() and len(message) < 400, (
            message
        )
    with open_database(parse_address(database_address)) as database:
        assert list_studies(database.engine) == ()
