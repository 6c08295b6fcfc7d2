"""The script that starts the database server, with PostgreSQL's own programs."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.embedded_folder import EmbeddedFolder
from storage.server_account import server_account
from storage.server_programs import ServerPrograms
from tests.fakes.scratch import scratch_root

SCRIPT = Path(__file__).parents[3] / "deploy" / "postgres.sh"
#: In psql's place: notes whether a server answers in the folder, then makes role and database.
PSQL = """#!/bin/sh
pg_isready --quiet --host="$POSTGRES_FOLDER"
echo "while making: $?"
exec "{psql}" "$@"
"""
#: In the place of the server that stays.
POSTGRES = '#!/bin/sh\necho "serves: $*"\n'
NO_SERVER = 2  # pg_isready's status


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's account may enter, as it may not enter ``tmp_path``."""
    root = Path(tempfile.mkdtemp(prefix="umss-script-", dir=scratch_root()))
    root.chmod(0o755)
    yield root
    shutil.rmtree(root)


def run_script(folder: Path, data: str) -> "subprocess.CompletedProcess[str]":
    """Run the script in ``folder``; its server ends at once."""
    account = server_account()
    programs = ServerPrograms.find(EmbeddedFolder(root=folder, account=account)).binaries
    stand_ins = folder / "bin"
    stand_ins.mkdir()
    for name, text in {"psql": PSQL.format(psql=programs / "psql"), "postgres": POSTGRES}.items():
        (stand_ins / name).write_text(text)
        (stand_ins / name).chmod(0o755)
    (folder / "password").write_text("a password\n")
    environment = {
        "PATH": f"{stand_ins}:{programs}:{os.environ['PATH']}",
        "LC_ALL": "C",
        "POSTGRES_FOLDER": data,
        "PASSWORD_FILE": str(folder / "password"),
    }
    if account is not None:
        environment["POSTGRES_ACCOUNT"] = pwd.getpwuid(account.uid).pw_name
    else:
        (folder / data).mkdir()
    return subprocess.run(
        [SCRIPT], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("relative", [False, True])
def test_the_server_that_creates_the_database_cannot_be_reached(
    folder: Path, relative: bool
) -> None:
    data = "pg" if relative else str(folder / "pg")
    done = run_script(folder, data)
    assert done.returncode == 0, done.stderr
    noted, served = done.stdout.splitlines()
    assert noted == f"while making: {NO_SERVER}"
    assert f"serves: -D {folder / 'pg'}/database " in served
    assert f"unix_socket_directories={folder / 'pg'}" in served
    assert sorted(path.name for path in (folder / "pg").iterdir()) == ["database"]
