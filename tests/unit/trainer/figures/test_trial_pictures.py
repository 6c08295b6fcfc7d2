"""The pictures of a finished run: which there are, how large, and that they change nothing."""

import dataclasses
import io
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.unit.trainer.small import CPU, ROOMS
from trainer.commands.setup import prepare_dataset_features
from trainer.config.configuration import MethodConfig, TrainConfig
from trainer.engine.run import Run
from trainer.engine.slots import Slots
from trainer.features.dataset_features import DatasetFeatures
from trainer.figures.trial_pictures import PICTURES, TrialPictures
from trainer.methods import METHODS

LARGEST = 150_000  # bytes
#: Methods whose defaults do not suit rooms of a few pixels.
OTHER_METHODS = ("kmeans", "stego", "cosine", "smooseg", "primaps", "transfgu")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def prepared(config: TrainConfig, cache: Path) -> DatasetFeatures:
    return prepare_dataset_features(config, cache=cache, device=CPU, verify="small")


def trained(config: TrainConfig, features: DatasetFeatures) -> Run:
    run = Run.start(config, features, CPU)
    while not run.finished:
        run.advance()
    return run


def drawn(features: DatasetFeatures, run: Run, title: str) -> dict[str, bytes]:
    return dict(TrialPictures(features, CPU).draw(run, title))


def unlabelled(features: DatasetFeatures) -> DatasetFeatures:
    return dataclasses.replace(
        features,
        train=dataclasses.replace(features.train, labels=None),
        val=dataclasses.replace(features.val, labels=None),
    )


def test_a_labelled_run_has_every_picture_and_each_is_small(cache: Path) -> None:
    features = prepared(ROOMS, cache)
    made = drawn(features, trained(ROOMS, features), "trial 12")
    assert list(made) == list(PICTURES)
    for data in made.values():
        assert len(data) < LARGEST
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == "PNG" and image.width > 300


def test_the_same_run_has_the_same_pictures(cache: Path) -> None:
    features = prepared(ROOMS, cache)
    run = trained(ROOMS, features)
    first, second = (drawn(features, run, "trial 12") for _ in range(2))
    assert first == second


def test_a_restored_run_has_the_same_pictures(cache: Path, tmp_path: Path) -> None:
    features = prepared(ROOMS, cache)
    run = trained(ROOMS, features)
    run.save(tmp_path)
    again = Run.restore(tmp_path, ROOMS, features, CPU)
    assert drawn(features, again, "trial 12") == drawn(features, run, "trial 12")


def test_a_run_without_labels_has_no_ground_truth_and_no_confusion(cache: Path) -> None:
    labelled = prepared(ROOMS, cache)
    features = unlabelled(labelled)
    made = drawn(features, trained(ROOMS, features), "trial 12")
    assert list(made) == ["grid", "losses"]
    with_truth = drawn(labelled, trained(ROOMS, labelled), "trial 12")["grid"]
    widths = [Image.open(io.BytesIO(data)).width for data in (made["grid"], with_truth)]
    assert widths[0] < widths[1]


@pytest.mark.parametrize("method", OTHER_METHODS)
def test_runs_of_other_methods_have_pictures(method: str, cache: Path) -> None:
    config = dataclasses.replace(
        ROOMS,
        method=MethodConfig(name=method, code_dim=4),
        data=dataclasses.replace(ROOMS.data, modalities=("rgb", "depth")),
    )
    assert METHODS[method].least_modalities <= 2
    features = prepared(config, cache)
    made = drawn(features, trained(config, features), "trial 12")
    assert {"grid", "confusion", "classes"} <= made.keys()


def test_the_best_weights_are_shown_if_they_are_selected(cache: Path) -> None:
    evaluation = dataclasses.replace(ROOMS.evaluation, report="best")
    config = dataclasses.replace(ROOMS, evaluation=evaluation)
    features = prepared(config, cache)
    run = trained(config, features)
    best = max(run.reports, key=lambda report: (report.cluster.miou, -report.evaluation))
    assert drawn(features, run, "trial 12")
    assert run.evaluate_selected().cluster == best.cluster


def test_pictures_of_one_run_leave_another_as_it_is(cache: Path) -> None:
    """Nor do they draw a random number: the other run goes on bit for bit."""
    features = prepared(ROOMS, cache)
    other = dataclasses.replace(ROOMS, seed=1)
    alone = trained(other, features)
    slots = Slots(ROOMS, features, CPU, count=2)
    finished, running = Run(ROOMS, slots, 0), Run(other, slots, 1)
    while not finished.finished:
        finished.advance()
    running.advance()
    before = {name: value.clone() for name, value in slots.state(1).items()}
    state = torch.random.get_rng_state()
    assert drawn(features, finished, "trial 0")
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, value in slots.state(1).items():
        assert torch.equal(value, before[name]), name
    while not running.finished:
        running.advance()
    assert running.reports == alone.reports


def test_a_data_set_that_is_gone_leaves_the_label_maps(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = prepared(ROOMS, cache)
    run = trained(ROOMS, features)
    gone = dataclasses.replace(
        ROOMS.data, name="folder", root="/nowhere", options={}, modalities=("rgb", "depth")
    )
    run._config = dataclasses.replace(ROOMS, data=gone)
    pictures = TrialPictures(features, CPU)
    assert list(dict(pictures.draw(run, "trial 12"))) == list(PICTURES)
    assert pictures.missing.startswith("The images cannot be read here: ")
