"""The rows of a comparison table: data and weights that rows share are checked once."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from search.config.configuration import LaunchConfig
from search.config.table_file import read_table
from search.driver.driver import Ending
from search.launch import table_rows
from search.launch.output import Output
from search.launch.request import Launch, LaunchResult
from search.launch.table_rows import TableRun, check_table
from search.machine.resources import Machine
from search.machine.run_options import Paths, RunOptions
from tests.fakes.store import SilentProgress
from trainer.console.shell import search_command

#: Two rows on the same data, one on fewer modalities, and one that reads further maps.
TEXT = """
base = "rooms"
trials = 4
seeds = 2

[[row]]
label = "K-means"
settings.method.name = "kmeans"

[[row]]
label = "UniM2"
settings.method.name = "unim2"

[[row]]
label = "STEGO on RGB"
settings.method.name = "stego"
settings.data.modalities = ["rgb"]

[[row]]
label = "EAGLE"
settings.method.name = "eagle"
"""


def test_rows_on_the_same_data_are_checked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[LaunchConfig] = []

    def check(config: LaunchConfig) -> SimpleNamespace:
        checked.append(config)
        return SimpleNamespace(notes=("two files are not used",))

    monkeypatch.setattr(table_rows, "check_dataset", check)
    path = tmp_path / "table.toml"
    path.write_text(TEXT)
    table, lines = read_table(path), list[str]()
    check_table(table, lines.append)
    kinds = [(each.train.method.name, each.train.data.modalities) for each in checked]
    assert len(table.measured) == 4
    both = ("rgb", "depth")
    assert kinds == [("kmeans", both), ("stego", ("rgb",)), ("eagle", both)]
    assert lines == ["note: two files are not used"]


def test_the_command_of_the_table_continues_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.toml"
    path.write_text(TEXT)
    command = search_command("table", path)
    asked: list[Launch] = []

    def launch(request: Launch, *others: object) -> LaunchResult:
        asked.append(request)
        return LaunchResult(study="s", ending=Ending.STOPPED, reason="asked", seconds=0.0)

    monkeypatch.setattr(table_rows, "launch", launch)
    monkeypatch.setattr(table_rows, "find_stored", lambda database, name: None)
    table = read_table(path)
    monkeypatch.setattr(table_rows, "configure", lambda *asked: table.measured[0][1].config)
    run = TableRun(
        table=table,
        database=None,  # type: ignore[arg-type]
        options=RunOptions(
            machine=Machine(device="cpu", workers=1),
            paths=Paths(cache=tmp_path, checkpoints=tmp_path),
            patience=1.0,
        ),
        output=Output(
            say=lambda text: None,
            open_progress=SilentProgress,
            open_preparing=lambda: contextlib.nullcontext(lambda what, done, total: None),
        ),
        after_row=lambda: None,
        command=command,
    )
    assert not run.run()
    assert [request.again("table-k-means") for request in asked] == [command]
