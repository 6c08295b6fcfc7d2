"""The rows of a comparison table: data and weights that rows share are checked once."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from search.config.configuration import LaunchConfig
from search.config.table_file import read_table
from search.launch import table_rows
from search.launch.table_rows import check_table

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
