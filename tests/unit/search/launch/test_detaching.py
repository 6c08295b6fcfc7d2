"""A detached search on a cluster: refusals, and how it is started."""

import contextlib
import os
import signal
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.errors import ClusterError, SettingsError
from search.launch import detaching
from search.launch.detaching import Detached, detach, start_here
from storage.process_identity import ProcessStatus

ADDRESS = "postgresql://me:s3cr3t@database/x"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ray_address": None}, "give --ray HOST:PORT"),
        ({"study": None}, "give --study NAME"),
        (
            {"storage": "postgresql://me@database/x"},
            "set UMSS_STORAGE in the environment of `ray start`",
        ),
    ],
)
def test_a_missing_or_exposed_setting_is_refused(
    given: dict[str, str | None], message: str
) -> None:
    usual = {"study": "s", "ray_address": "127.0.0.1:1", "storage": None}
    with pytest.raises(SettingsError, match=message):
        detach([], "", say=print, **{**usual, **given})


@pytest.fixture
def printed_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[Detached], list[str]]:
    """Detaches from a cluster whose head gives this answer; returns the printed lines."""

    @contextlib.contextmanager
    def joined(address: str) -> Iterator[str]:
        yield "10.0.0.1:6379"

    def run(answer: Detached) -> list[str]:
        said: list[str] = []
        monkeypatch.setattr(detaching, "joined", joined)
        sents: list[tuple[object, ...]] = []

        def on_head(*sent: object) -> Detached:
            sents.append(sent)
            return answer

        monkeypatch.setattr(detaching, "on_head", on_head)
        detach(
            ["--workers=2"], "a = 1", study="s", ray_address="h:1", storage=None, say=said.append
        )
        function, command, config, study = sents[0]
        assert function is start_here and (config, study) == ("a = 1", "s")
        assert command == [
            "launch", "--study", "s", "--plain", "--workers=2", "--ray", "10.0.0.1:6379",
        ]  # fmt: skip
        return said

    return run


def test_the_host_and_the_next_commands_are_printed(
    printed_by: Callable[[Detached], list[str]],
) -> None:
    answer = Detached(host="head", pid=17, log="/tmp/umss/log", printed="", ended=False)
    first, second = printed_by(answer)
    assert first == "study s runs on head as process 17; its log: /tmp/umss/log"
    assert "search attach s" in second and "search stop s" in second


def test_a_failed_start_is_reported_in_its_own_words(
    printed_by: Callable[[Detached], list[str]],
) -> None:
    said = "reserved\nerror: unknown preset 'x': choose rooms\n"
    with pytest.raises(ClusterError, match=r"ended at once on head: unknown preset 'x'"):
        printed_by(Detached(host="head", pid=17, log="/tmp/umss/log", printed=said, ended=True))


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Detached]]:
    """Starts a command in place of Python on a node whose Ray knows the database."""
    started: list[int] = []
    environment = {**os.environ, "UMSS_STORAGE": ADDRESS, "NOTES": str(tmp_path / "notes")}
    monkeypatch.setattr(detaching, "_environment_of_node", lambda: environment)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def start(script: str) -> Detached:
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(sys, "executable", str(program))
        found = start_here(["launch", "--study", "a study/../x"], "a = 1\n", "a study/../x")
        started.append(found.pid)
        return found

    yield start
    for pid in filter(None, started):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_the_search_is_detached_and_reads_its_database_from_its_node(
    node: Callable[[str], Detached], tmp_path: Path
) -> None:
    found = node(
        'echo "$UMSS_STORAGE" > "$NOTES"; cat "$7" >> "$NOTES"; echo "study a study/../x created'
        ' in there"; exec sleep 60'
    )
    assert not found.ended and "created in there" in found.printed
    assert Path(found.log).parent.parent == tmp_path
    assert (tmp_path / "notes").read_text() == f"{ADDRESS}\na = 1\n"
    status = Path(f"/proc/{found.pid}/stat").read_text().rpartition(")")[2].split()
    assert int(status[1]) != os.getpid(), "it would go with its parent"
    assert int(status[3]) != os.getsid(0), "it would go with its terminal"
    assert b"s3cr3t" not in Path(f"/proc/{found.pid}/cmdline").read_bytes()


def test_a_search_that_ends_at_once_is_seen_to(node: Callable[[str], Detached]) -> None:
    found = node("echo 'error: no such preset'; exit 2")
    assert found.ended and found.printed == "error: no such preset\n"


def test_a_search_that_ended_and_stays_listed_is_seen_to(
    node: Callable[[str], Detached], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first process of a container may not wait for its orphans."""
    zombie = ProcessStatus(state="Z", parent=1, started=1)
    monkeypatch.setattr(detaching, "read_status", lambda pid: zombie)
    assert node("exec sleep 60").ended


def test_a_node_without_an_address_starts_nothing(
    node: Callable[[str], Detached], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detaching, "_environment_of_node", dict)
    found = node("sleep 60")
    assert found.ended and found.pid == 0
    assert found.printed.startswith("UMSS_STORAGE was not set when Ray was started on ")
