"""``figures`` and ``--snapshots`` from the command line, on rooms of a few pixels."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.fakes.trainer_command import call_trainer
from tests.unit.trainer.small import ROOMS
from trainer.commands.setup import find_device, prepare_dataset_features
from trainer.config.configuration import (
    MethodConfig,
)
from trainer.config.toml_records import record_to_table, toml_text
from trainer.engine.run import Run, config_of
from trainer.engine.snapshots import check_snapshots, find_snapshots, read_iterations
from trainer.errors import ConfigError
from trainer.figures import figure_set as figure_set
from trainer.figures.run_view import RunView


def call(*arguments: object) -> int:
    return call_trainer(*arguments, "--device", "cpu")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with snapshots, and one of STEGO on the same rooms."""
    folder = tmp_path_factory.mktemp("album")
    stego = dataclasses.replace(
        ROOMS,
        data=dataclasses.replace(ROOMS.data, modalities=("rgb",)),
        method=MethodConfig(name="stego", code_dim=4),
    )
    for name, config in (("run", ROOMS), ("stego", stego)):
        (folder / f"{name}.toml").write_text(toml_text(record_to_table(config)))
    cache = ("--cache", folder / "cache")
    run, other = ("fit", folder / "run.toml"), ("fit", folder / "stego.toml")
    assert call(*run, "--out", folder / "run", "--snapshots", "4,0", *cache) == 0
    assert call(*other, "--out", folder / "stego", *cache) == 0
    return folder


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures that would be written, by name."""
    found = {}

    def keep(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
        found[name] = figure
        return folder / f"{name}.png", folder / f"{name}.svg"

    monkeypatch.setattr(figure_set, "save_figure", keep)
    return found


def draw(place: Path, *arguments: object) -> int:
    return call("figures", place / "run", "--out", place / "figures", "--cache", place / "cache",
                *arguments)  # fmt: skip


def test_everything_is_drawn_at_every_snapshot(
    place: Path, drawn: dict[str, Figure], capsys: pytest.CaptureFixture[str]
) -> None:
    assert draw(place, "--images", 2) == 0
    assert list(drawn) == [
        "losses", "classes", "confusion-cluster", "confusion-linear", "strips",
        "features-val-0000", "features-val-0002", "codes",
    ]  # fmt: skip
    assert f"{place / 'figures' / 'losses.png'}  losses.svg" in capsys.readouterr().out
    titles = [axes.get_title() for axes in drawn["features-val-0000"].axes]
    assert titles[2:5] == [f"MSN, iteration {number}" for number in (0, 4, 6)]
    assert [line.get_label() for line in drawn["losses"].axes[0].lines] == ["rgb", "depth", "sum"]
    assert len(drawn["strips"].axes) == 2 * 4


def test_a_baseline_is_shown_next_to_the_run(place: Path, drawn: dict[str, Figure]) -> None:
    assert draw(place, "--images", 1, "--split", "test", "--baseline", place / "stego") == 0
    titles = [axes.get_title() for axes in drawn["strips"].axes]
    assert titles[2:] == ["ground truth", "stego", "unim2"]
    assert len(drawn["classes"].axes[0].containers) == 3
    shown = np.asarray(drawn["codes"].axes[0].get_images()[0].get_array())
    assert list(shown.shape) == [32, 32, 3]


def test_the_displayed_label_maps_are_the_counted_ones(place: Path) -> None:
    run_folder, cpu = place / "run", find_device("cpu")
    dataset_features = prepare_dataset_features(ROOMS, cache=place / "cache", device=cpu)
    run = Run.restore(run_folder, ROOMS, dataset_features, cpu)
    view = RunView.of(run_folder, run, dataset_features, "val", cpu)
    maps = np.stack(view.class_maps(range(3)))
    classes, truth = len(dataset_features.classes), np.asarray(dataset_features.val.labels)
    counts_YY = np.zeros((classes, len(view.naming.names)), dtype=int)
    for label, prediction in zip(truth.ravel(), maps.ravel(), strict=True):
        counts_YY[label, prediction] += label != 255
    assert np.array_equal(view.named_counts(), counts_YY)
    trace = 100 * np.trace(counts_YY) / counts_YY.sum()
    assert trace == pytest.approx(view.evaluation.cluster.accuracy)


def test_a_baseline_of_other_images_is_refused_in_one_line(
    place: Path,
    drawn: dict[str, Figure],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trainer.figures.run_view.same_images", lambda one, other: False)
    assert draw(place, "--baseline", place / "stego") == 2
    error = capsys.readouterr().err
    assert "other images or classes" in error and len(error.strip().splitlines()) == 1
    assert not drawn


def test_without_matplotlib_the_fix_is_named(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert draw(place) == 2
    assert (
        "pip install --constraint constraints.txt --editable '.[figures]'"
        in capsys.readouterr().err
    )


def test_a_run_continued_from_a_snapshot_ends_the_same(place: Path) -> None:
    found = find_snapshots(place / "run")
    assert list(found) == [0, 4]
    assert config_of(found[4]) == ROOMS
    cpu = find_device("cpu")
    dataset_features = prepare_dataset_features(ROOMS, cache=place / "cache", device=cpu)
    run = Run.restore(found[4], ROOMS, dataset_features, cpu)
    while not run.finished:
        run.advance()
    assert run.reports == Run.restore(place / "run", ROOMS, dataset_features, cpu).reports


def test_impossible_snapshots_are_refused(tmp_path: Path) -> None:
    assert read_iterations("10, 1,10") == (1, 10)
    for text in ("", "1,,2", "ten", "-1"):
        with pytest.raises(ConfigError, match="is not a list of iterations"):
            read_iterations(text)
    with pytest.raises(ConfigError, match="is beyond the run's 6 iterations"):
        check_snapshots((7,), tmp_path, reached=0, iterations=6)
    with pytest.raises(ConfigError, match="comes too late"):
        check_snapshots((2,), tmp_path, reached=3, iterations=6)
    assert check_snapshots((3, 6), tmp_path, reached=3, iterations=6) == (3, 6)


def test_existing_snapshots_are_kept(place: Path) -> None:
    assert check_snapshots((0, 4), place / "run", reached=6, iterations=6) == ()
