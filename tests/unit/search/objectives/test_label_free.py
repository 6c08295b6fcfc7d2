"""Only objectives that read labels require them."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from search import objectives
from search.config.configuration import LaunchConfig, SearchConfig
from search.doctor.dataset_features import check_data
from search.errors import SettingsError
from search.launch.launching import _prepare
from search.launch.output import Output
from search.launch.request import Launch
from search.machine.resources import Machine
from search.machine.run_options import Paths, RunOptions
from search.objectives import OBJECTIVES
from search.objectives.label_free import LABEL_FREE
from search.planning.checking import check_dataset
from tests.fakes.data_sets import mfnet
from tests.fakes.data_sets.pictures import write_list
from tests.fakes.store import SilentProgress
from tests.fakes.subject import local_subject
from tests.unit.search.builders import EVENNESS
from trainer.config.configuration import (
    DataConfig,
    FeatureConfig,
    MethodConfig,
    TrainConfig,
    TrainingConfig,
)
from trainer.config.sources import Layers
from trainer.engine.run import Run
from trainer.errors import DataError
from trainer.features import prepare

#: Names of further images.
MORE = tuple(f"0001{number}D" for number in range(6))


@pytest.fixture
def unlabelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LaunchConfig:
    """A search on images without labels, by the default objective."""
    monkeypatch.setattr(objectives, "OBJECTIVES", {**OBJECTIVES, EVENNESS.name: EVENNESS})
    train = TrainConfig(
        data=mfnet.without_labels(tmp_path / "data"),
        features=FeatureConfig(train_resolution=16, eval_resolution=24),
        method=MethodConfig(code_dim=4),
        training=TrainingConfig(iterations=20, batch_size=4, samples=3),
    )
    return LaunchConfig(train=train)


def by_evenness(config: LaunchConfig) -> LaunchConfig:
    return dataclasses.replace(config, search=SearchConfig(objective=EVENNESS.name))


@contextlib.contextmanager
def unseen() -> Iterator[Callable[[str, int, int], None]]:
    yield lambda what, done, total: None


def test_a_launch_needs_labels_for_the_default_objective_alone(
    unlabelled: LaunchConfig, tmp_path: Path
) -> None:
    request = Launch(
        study=None,
        layers=Layers(preset="rooms", reason="", asked=False),
        config=unlabelled,
        options=RunOptions(
            machine=Machine(device="cpu", workers=1),
            paths=Paths(cache=tmp_path / "cache", checkpoints=tmp_path / "checkpoints"),
            patience=0.0,
        ),
    )
    silent = Output(say=print, open_progress=SilentProgress, open_preparing=unseen)
    with pytest.raises(DataError, match="a search needs labels on val"):
        _prepare(request, silent)
    dataset_features = _prepare(
        dataclasses.replace(request, config=by_evenness(unlabelled)), silent
    )
    assert dataset_features.val.labels is None


def test_so_do_the_checks_before_any_work_is_spent(unlabelled: LaunchConfig) -> None:
    with pytest.raises(DataError, match="a search needs labels on val"):
        check_dataset(unlabelled)
    assert not check_dataset(by_evenness(unlabelled)).val.labelled


def test_data_without_labels_can_be_searched(unlabelled: LaunchConfig) -> None:
    root = Path(str(unlabelled.train.data.root))
    for name in MORE:
        mfnet.write_pair(root, name, labelled=False)
    write_list(root / "train.txt", *mfnet.NAMES, *MORE)
    data = dataclasses.replace(unlabelled.train.data, options={"held_out_share": 0.3})
    train = dataclasses.replace(unlabelled.train, data=data)
    config = LaunchConfig(train=train, search=SearchConfig(objective=LABEL_FREE.name))
    assert not check_dataset(config).val.labelled
    features = prepare(train, cache=root / "cache")
    report = Run.start(train, features, torch.device("cpu")).advance()
    assert math.isnan(report.cluster.miou) and 0 <= config.objective().score(report) <= 100


def test_so_does_the_doctor(unlabelled: LaunchConfig, tmp_path: Path) -> None:
    subject = local_subject(tmp_path, unlabelled)
    found = check_data(subject)
    assert found.state == "failed" and "val has no labels" in found.found
    assert check_data(dataclasses.replace(subject, config=by_evenness(unlabelled))).state == "ok"


@pytest.mark.parametrize("images", [1, 2])
def test_the_label_free_objective_needs_two_images_on_val(images: int) -> None:
    data = DataConfig(options={"train": 3, "val": images, "test": 2, "size": 32})
    features = FeatureConfig(train_resolution=16, eval_resolution=32)
    config = LaunchConfig(
        train=TrainConfig(data=data, features=features),
        search=SearchConfig(objective=LABEL_FREE.name),
    )
    if images == 2:
        assert len(check_dataset(config).val) == 2
        return
    with pytest.raises(DataError, match="val, which has 1 instead of at least 2: add images"):
        check_dataset(config)


def test_the_label_free_objective_refuses_weights_that_labels_select(
    unlabelled: LaunchConfig,
) -> None:
    evaluation = dataclasses.replace(unlabelled.train.evaluation, report="best")
    with pytest.raises(SettingsError, match=r"set evaluation\.report to 'last'") as caught:
        LaunchConfig(
            train=dataclasses.replace(unlabelled.train, evaluation=evaluation),
            search=SearchConfig(objective=LABEL_FREE.name),
        )
    assert "\n" not in str(caught.value)
