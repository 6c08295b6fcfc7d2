"""A search without labels does not depend on the labels."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from search.objectives.label_free import LABEL_FREE
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.objectives.objective import Objective
from tests.fakes import training
from tests.fakes.memory_search import Search
from tests.fakes.training import fake_report
from tests.unit.search.builders import curves
from trainer.records import Report, Scores
from trainer.seeds import numpy_generator

#: Maps the seed of a run and the number of an evaluation to the mIoU.
Labels = Callable[[int, int], float]


def noise(seed: int, evaluation: int) -> float:
    return float(100 * numpy_generator(seed, "labels", evaluation).random())


def missing(seed: int, evaluation: int) -> float:
    del seed, evaluation
    return math.nan


def searched(
    folder: Path, monkeypatch: pytest.MonkeyPatch, labels: Labels | None, objective: Objective
) -> Search:
    """A finished search in which scores by labels are replaced."""

    def report(hyper: dict[str, float], seed: int, evaluation: int) -> Report:
        found = fake_report(hyper, seed, evaluation)
        scores = found.cluster
        if labels is not None:
            number = labels(seed, evaluation)
            scores = Scores(miou=number, miou_all=number, accuracy=number)
        return dataclasses.replace(
            found, cluster=scores, linear=scores, criteria={"label_free": found.cluster.miou}
        )

    monkeypatch.setattr(training, "fake_report", report)
    search = Search(folder, objective=objective)
    search.driver.run()
    return search


@pytest.mark.parametrize("labels", [noise, missing])
def test_noise_in_place_of_labels_changes_nothing(
    labels: Labels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = searched(tmp_path / "usual", monkeypatch, None, LABEL_FREE)
    other = searched(tmp_path / "other", monkeypatch, labels, LABEL_FREE)
    assert other.points() == usual.points()
    assert other.values() == usual.values()
    assert curves(other.memory) == curves(usual.memory)
    best, same = usual.memory.best(), other.memory.best()
    assert best is not None and same is not None and same.number == best.number


def test_noise_changes_a_search_by_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = searched(tmp_path / "usual", monkeypatch, None, MIOU_ACCURACY)
    other = searched(tmp_path / "other", monkeypatch, noise, MIOU_ACCURACY)
    assert other.values() != usual.values() and other.points() != usual.points()
