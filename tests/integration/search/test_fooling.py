"""Meaningless clusterings against real runs: none has a label-free score like theirs.

``tests/unit/trainer/scoring/label_free/test_judge.py`` does the same with made-up runs.
"""

import os
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from search.config.configuration import LaunchConfig, resolve
from search.samplers.startup import quasi_random_point
from trainer.engine.run import Run
from trainer.features import prepare
from trainer.scoring.label_free.judge import Judge, judge_of
from trainer.scoring.label_free.labelling import Labelling

DATA = Path(os.environ.get("UMSS_DATA", "/nowhere"))
RUNS = 5  # real ones: the defaults, and evenly drawn settings

Clusters = NDArray[np.int64]


class Fakes:
    """Clusterings of the sampled tokens of a split that know nothing of the images."""

    def __init__(self, judge: Judge, classes: int) -> None:
        self._judge, self._classes = judge, classes
        self._count = len(judge.space.units_IC)
        self._random = np.random.default_rng(0).integers(classes, size=self._count)

    def score(self, name: str) -> float:
        """The label-free score of one of them."""
        return FAKES[name](self)

    def constant(self) -> float:
        return self._score(np.zeros_like(self._random))

    def nearly_constant(self) -> float:
        kept = np.random.default_rng(1).random(self._count) < 0.03
        return self._score(np.where(kept, self._random, 0))

    def random_one_hot(self) -> float:
        return self._score(self._random)

    def random_codes(self) -> float:
        codes = np.random.default_rng(2).normal(size=(self._count, max(16, self._classes)))
        clusters = codes[:, : self._classes].argmax(axis=1)
        return self._score(clusters, codes.astype(np.float32))

    def stripes(self) -> float:
        sample = self._judge.space.sample
        rows = sample.tokens_NI.ravel() // sample.grid[1]
        return self._score(rows * self._classes // sample.grid[0])

    def cluster_per_image(self) -> float:
        sample = self._judge.space.sample
        return self._score(sample.image_of_I * self._classes // len(sample.images_N))

    def _score(self, clusters: Clusters, codes: NDArray[np.float32] | None = None) -> float:
        one_hot = np.eye(self._classes, dtype=np.float32)[clusters]
        labelling = Labelling(
            space=self._judge.space,
            count=self._classes,
            clusters_I=clusters,
            codes_IK=one_hot if codes is None else codes,
        )
        return self._judge.judge(labelling).composite


FAKES: Mapping[str, Callable[[Fakes], float]] = {
    "constant": Fakes.constant,
    "97 % in one cluster": Fakes.nearly_constant,
    "random, one-hot codes": Fakes.random_one_hot,
    "random codes": Fakes.random_codes,
    "stripes": Fakes.stripes,
    "one cluster per image": Fakes.cluster_per_image,
}


def held_against_real_runs(config: LaunchConfig, cache: Path) -> None:
    """Every fake is below the median of real runs, whose settings nobody chose."""
    features, real = prepare(config.train, cache=cache), []
    for number in range(RUNS):
        space = config.space()
        params = quasi_random_point(space, number, 1) if number else space.defaults
        train = config.train.with_trial(hyper=params, seed=number)
        run = Run.start(train, features, torch.device("cpu"))
        while not run.finished:
            run.advance()
        real.append(run.reports[-1].criteria["label_free"])
    judge = judge_of(features.val, len(features.classes))
    assert judge is not None
    fakes = Fakes(judge, len(features.classes))
    scores = {name: fakes.score(name) for name in FAKES}
    median = statistics.median(real)
    assert all(score < median for score in scores.values()), (scores, sorted(real))


def test_no_fake_reaches_the_median_of_real_runs_on_rooms(tmp_path: Path) -> None:
    held_against_real_runs(resolve("rooms", None, {"evaluation": {"evaluations": 2}}), tmp_path)


@pytest.mark.skipif(not DATA.is_dir(), reason="set UMSS_DATA to the folder of the sample data")
def test_no_fake_reaches_the_median_of_real_runs_on_street_images(tmp_path: Path) -> None:
    flags: dict[str, Any] = {
        "data": {"root": str(DATA / "cityscapes")},
        "training": {"iterations": 100},
        "evaluation": {"evaluations": 2},
    }
    held_against_real_runs(resolve("cityscapes-rgbd", None, flags), tmp_path)
