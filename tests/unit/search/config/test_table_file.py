"""The file of a comparison table: its settings, and errors in one line."""

from pathlib import Path
from typing import Any

import pytest

from search.config.comparison_table import ComparisonTable
from search.config.table_file import read_table
from search.errors import SearchError, SettingsError
from trainer.config.layers import lay_over
from trainer.config.toml_records import toml_text
from trainer.errors import TrainerError

READY = sorted((Path(__file__).parents[4] / "tables").glob("*.toml"))
STEGO: dict[str, Any] = {
    "label": "STEGO",
    "settings": {"method": {"name": "stego"}, "data": {"modalities": ["rgb"]}},
}
KMEANS: dict[str, Any] = {"label": "K-means", "settings": {"method": {"name": "kmeans"}}}
QUOTED: dict[str, Any] = {
    "label": "EAGLE",
    "published_only": True,
    "modalities": "rgb",
    "backbone": "ViT-S/16",
    "data": "nyu",
    "published": {"miou": 27.4, "accuracy": 51.6, "source": "paper, Table 2"},
}


def read(folder: Path, *rows: dict[str, Any], flags: Any = None, **table: Any) -> ComparisonTable:
    """A table with these rows over the preset rooms."""
    path = folder / "Table One.toml"
    path.write_text(toml_text({"base": "rooms", "trials": 7, "seeds": 3, **table, "row": [*rows]}))
    return read_table(path, flags=flags)


def changed(row: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {**row, "settings": lay_over(row["settings"], settings)}


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_the_ready_tables_can_be_read_and_compare_with_kmeans(path: Path) -> None:
    table = read_table(path, flags={"data": {"root": "/data"}})
    methods = [measured.config.train.method.name for _, measured in table.measured]
    assert "kmeans" in methods and len(methods) > 1
    for row, measured in table.measured:
        assert measured.trials == (1 if measured.searched == 0 else table.trials)
        assert row.texts.label
    assert any(row.published is not None for row in table.rows) or table.name == "rooms"


def test_a_row_has_its_own_study_with_the_trials_of_the_table(tmp_path: Path) -> None:
    table = read(tmp_path, KMEANS, STEGO, QUOTED, title="A title")
    (_, kmeans), (stego_row, stego) = table.measured
    assert (table.name, table.title, table.seeds) == ("table-one", "A title", 3)
    assert (kmeans.study, stego.study) == ("table-one-k-means", "table-one-stego")
    assert (kmeans.trials, kmeans.searched) == (1, 0), "there is nothing to search"
    assert (stego.trials, stego.searched) == (7, 7), "six and the learning rate"
    assert stego_row.texts.title == "STEGO on rgb, patch-stats, rooms"
    assert table.rows[-1].measured is None
    assert table.rows[-1].published is not None and table.rows[-1].published.miou == 27.4


def test_flags_override_the_file(tmp_path: Path) -> None:
    table = read(tmp_path, KMEANS, STEGO, flags={"data": {"seed": 5}})
    assert {measured.config.train.data.seed for _, measured in table.measured} == {5}
    path = tmp_path / "Table One.toml"
    again = read_table(path, trials=9, seeds=4)
    assert (again.measured[1][1].trials, again.seeds) == (9, 4)


def test_a_row_shows_settings_that_differ_from_the_defaults(tmp_path: Path) -> None:
    without = {
        "label": "UniM2 without MSN",
        "settings": {"method": {"name": "unim2", "options": {"msn": False}}},
    }
    table = read(tmp_path, KMEANS, without)
    assert table.rows[1].texts.options == "msn=false, pre_norm=standardise"
    assert (table.rows[0].texts.fusion, table.rows[1].texts.fusion) == ("mean", "conv")


def test_kmeans_is_added_for_each_data_set_and_backbone_without_it(tmp_path: Path) -> None:
    both = {"label": "UniM2", "settings": {"method": {"name": "unim2"}}}
    table = read(tmp_path, STEGO, both)
    added = table.rows[0]
    assert added.texts.label == "K-means" and added.texts.modalities == "rgb, depth"
    assert added.measured is not None and added.measured.study == "table-one-kmeans"
    fine = {**changed(STEGO, backbone={"patch": 8, "name": "efficientnet-lite0"}), "name": "fine"}
    names = [measured.study for _, measured in read(tmp_path, KMEANS, STEGO, both, fine).measured]
    assert names[0] == "table-one-kmeans-rooms-efficientnet-lite0"
    assert len(names) == 5


def test_settings_of_the_table_apply_to_rows_that_have_them(tmp_path: Path) -> None:
    settings = {
        "training": {"iterations": 50},
        "method": {"name": "unim2", "options": {"msn": False}},
        "search": {"ranges": {"learning_rate": [1e-3, 1e-2]}, "pruner": "median"},
    }
    plain = {"label": "UniM2"}
    table = read(tmp_path, KMEANS, STEGO, plain, settings=settings)
    configs = [measured.config for _, measured in table.measured]
    assert {config.train.training.iterations for config in configs} == {50}
    assert [config.search.pruner for config in configs] == ["none", "median", "median"]
    assert configs[0].search.ranges == {}, "nothing is searched there"
    assert configs[2].train.method.options.msn is False


def test_published_figures_share_a_source_unless_they_have_their_own(tmp_path: Path) -> None:
    common = {"source": "the paper", "protocol": "best on test"}
    own = {**STEGO, "published": {"miou": 1.0, "source": "another"}}
    other = {**KMEANS, "published": {"accuracy": 2.0}}
    table = read(tmp_path, own, other, published=common)
    found = [row.published for row in table.rows if row.published is not None]
    assert [each.source for each in found] == ["another", "the paper"]
    assert [each.protocol for each in found] == ["best on test"] * 2
    assert found[1].miou is None and found[1].accuracy == 2.0


def test_classes_are_quoted_and_shown(tmp_path: Path) -> None:
    quoted = {**STEGO, "published": {"source": "paper", "classes": {"wall": 53.5, "bed": 52.8}}}
    table = read(tmp_path, KMEANS, quoted, classes=True)
    published = table.rows[1].published
    assert table.classes and published is not None and published.classes["bed"] == 52.8
    assert not read(tmp_path, KMEANS, STEGO).classes
    quoted["published"]["classes"]["bed"] = 101.0
    with pytest.raises(SettingsError, match="101 of 'paper' is not a percentage"):
        read(tmp_path, KMEANS, quoted)


REFUSED: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str]] = {
    "no row": ([], {}, "has no rows: write one [[row]] for each"),
    "unknown key": ([{**STEGO, "labell": "x"}], {}, "unknown key 'labell' in table [row 1]"),
    "no label": ([{"settings": {}}], {}, "[row 1] is incomplete"),
    "empty label": ([{**STEGO, "label": " "}], {}, "row 1 has an empty label"),
    "unknown setting": (
        [changed(STEGO, training={"iteration": 3})],
        {},
        "row stego of",
    ),
    "unknown method": (
        [{"label": "A", "settings": {"method": {"name": "nobody"}}}],
        {},
        "method.name = 'nobody' is not known",
    ),
    "unequal iterations": (
        [KMEANS, STEGO, {**changed(STEGO, training={"iterations": 60}), "name": "more"}],
        {},
        "training.iterations is 100 in row 'K-means' and 60 in row 'STEGO' on the same data",
    ),
    "unequal objective": (
        [STEGO, {**changed(STEGO, search={"objective": "miou"}), "name": "more"}],
        {},
        "search.objective is miou-accuracy in row",
    ),
    "own trials": (
        [changed(STEGO, search={"trials": 3})],
        {},
        "sets search.trials in settings: each row gets as many",
    ),
    "same study": ([STEGO, STEGO], {}, "have the same study table-one-stego"),
    "no trials": ([STEGO], {"trials": 0}, "trials = 0 in "),
    "no finalists": ([STEGO], {"finalists": 0}, "finalists = 0 in "),
    "measured with texts": (
        [{**STEGO, "backbone": "ViT"}],
        {},
        "row 1 (STEGO) is measured, so its settings decide about backbone: leave backbone out",
    ),
    "quoted with settings": (
        [{**QUOTED, "settings": {"seed": 1}}],
        {},
        "row 1 (EAGLE) has published_only = true, and is not run",
    ),
    "quoted with a name": (
        [{**QUOTED, "name": "eagle"}],
        {},
        "leave out its settings, base and name",
    ),
    "quoted without a figure": (
        [{key: value for key, value in QUOTED.items() if key != "published"}],
        {},
        "give its figure in [row.published]",
    ),
    "quoted without texts": (
        [{key: value for key, value in QUOTED.items() if key != "data"}],
        {},
        "give data as a text",
    ),
    "figure without number": (
        [{**QUOTED, "published": {"source": "x"}}],
        {},
        "published figure of 'x' has no number",
    ),
    "figure that is not a percentage": (
        [{**QUOTED, "published": {"miou": 120.0, "source": "x"}}],
        {},
        "published figure 120 of 'x' is not a percentage",
    ),
    "figure without source": (
        [{**QUOTED, "published": {"miou": 12.0, "source": ""}}],
        {},
        "a published figure has no source",
    ),
}


@pytest.mark.parametrize(("rows", "table", "message"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_table_is_refused_in_one_line(
    tmp_path: Path, rows: list[dict[str, Any]], table: dict[str, Any], message: str
) -> None:
    with pytest.raises((SearchError, TrainerError)) as refused:
        read(tmp_path, *rows, **table)
    text = str(refused.value)
    assert message in text and "\n" not in text
