"""Labels are asked for by objectives that read them, and by no other."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search import objectives
from search.config.configuration import LaunchConfig, SearchConfig
from search.doctor.dataset_features import check_data
from search.launch.launching import _prepare
from search.launch.output import Output
from search.launch.request import Launch
from search.machine.resources import Machine
from search.machine.run_options import Paths, RunOptions
from search.objectives import OBJECTIVES
from search.planning.checking import check_dataset
from tests.fakes.data_sets import mfnet
from tests.fakes.store import SilentProgress
from tests.fakes.subject import local_subject
from tests.unit.search.builders import EVENNESS
from trainer.config.configuration import FeatureConfig, MethodConfig, TrainConfig, TrainingConfig
from trainer.config.sources import Layers
from trainer.errors import DataError


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


def test_so_does_what_is_asked_before_any_work_is_spent(unlabelled: LaunchConfig) -> None:
    with pytest.raises(DataError, match="a search needs labels on val"):
        check_dataset(unlabelled)
    assert not check_dataset(by_evenness(unlabelled)).val.labelled


def test_so_does_the_doctor(unlabelled: LaunchConfig, tmp_path: Path) -> None:
    subject = local_subject(tmp_path, unlabelled)
    found = check_data(subject)
    assert found.state == "failed" and "val has no labels" in found.found
    assert check_data(dataclasses.replace(subject, config=by_evenness(unlabelled))).state == "ok"
