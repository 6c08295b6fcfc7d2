"""The collapse benchmark on a folder of images."""

from pathlib import Path
from typing import Any

from benchmarks.collapse import COUNTED, image_search, image_text, merged
from search.config.configuration import resolve


def row(search: str, **counts: int) -> dict[str, Any]:
    """A row whose other counts are 0."""
    return (
        {"search": search, "runs": 60, "constant mIoU": 5.0} | dict.fromkeys(COUNTED, 0) | counts
    )


def test_runs_on_a_known_data_set_are_drawn_evenly_and_never_stopped(tmp_path: Path) -> None:
    search = image_search(tmp_path / "nyu", "nyu-cpu", 60)
    config = resolve(search.preset, None, search.tables)

    assert search.study == "collapse-nyu-nyu-cpu"
    assert (config.train.data.name, config.train.data.modalities) == ("nyu", ("rgb", "depth"))
    assert (config.search.sampler, config.search.pruner) == ("random", "none")
    assert config.search.collapse.share_ceiling == 1.0


def test_a_described_folder_has_its_own_modalities(tmp_path: Path) -> None:
    (tmp_path / "dataset.toml").write_text(
        '[modalities.red]\nfiles = "red/{name}.png"\n[modalities.nir]\nfiles = "nir/{name}.png"\n',
        encoding="utf-8",
    )
    config = resolve("own", None, image_search(tmp_path, "own", 9).tables)
    assert config.train.data.modalities == ("red", "nir")


def test_a_row_replaces_an_earlier_one_of_the_same_search() -> None:
    rows = merged([row("a"), row("b")], row("a", collapsed=3))
    assert [(each["search"], each["collapsed"]) for each in rows] == [("b", 0), ("a", 3)]


def test_targets_are_those_of_all_rows_together() -> None:
    found = image_text([row("a", collapsed=10, stopped=9, others=50), row("b", collapsed=10)])
    assert "- 9 of 20 collapsed runs are stopped: **missed**" in found
    assert image_text([]) == "Nothing was measured yet."
