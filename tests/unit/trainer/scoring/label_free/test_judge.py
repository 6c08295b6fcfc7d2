"""The composite as a whole: no meaningless clustering deceives it.

Letters of shapes: ``docs/architecture.md``.
"""

import dataclasses
import itertools
import statistics
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.unit.trainer.scoring.label_free.scenes import (
    CLASSES,
    GRID,
    IMAGES,
    Scenes,
    make_scenes,
)
from trainer.features.dataset_features import ValSplit
from trainer.scoring.label_free.judge import Judge, JudgedLabelling, judge_of
from trainer.scoring.label_free.labelling import Labelling
from trainer.scoring.label_free.scores import SCORES

Clusters = NDArray[np.int64]
Codes = NDArray[np.float32]
SCENES: tuple[Scenes, ...] = (make_scenes(0), make_scenes(1))


@cache
def judge(scenes: Scenes) -> Judge:
    found = judge_of(scenes.split, CLASSES)
    assert found is not None
    return found


def judged(scenes: Scenes, clusters_I: Clusters, codes_IK: Codes | None = None) -> JudgedLabelling:
    """Clusters as a run would have them; by default with one-hot codes, the most separate."""
    one_hot_IK = np.eye(CLASSES, dtype=np.float32)[clusters_I]
    return judge(scenes).judge(
        Labelling(
            space=judge(scenes).space,
            count=CLASSES,
            clusters_I=clusters_I,
            codes_IK=one_hot_IK if codes_IK is None else codes_IK,
        )
    )


def true_classes(scenes: Scenes) -> Clusters:
    tokens_NI = judge(scenes).space.sample.tokens_NI
    return np.take_along_axis(scenes.classes_NT, tokens_NI, axis=1).ravel()


def realistic(scenes: Scenes, seed: int) -> JudgedLabelling:
    """A run that is right for most tokens, and merges or splits classes as runs do."""
    generator = np.random.default_rng(seed)
    clusters_I = true_classes(scenes).copy()
    if seed % 2:
        clusters_I[clusters_I == 2 + seed % 4] = seed % 2
    wrong_I = generator.random(len(clusters_I)) < 0.1 + 0.02 * seed
    clusters_I[wrong_I] = generator.integers(CLASSES, size=int(wrong_I.sum()))
    codes_IK = np.eye(CLASSES, dtype=np.float32)[clusters_I]
    noise_IK = generator.normal(size=codes_IK.shape).astype(np.float32)
    return judged(scenes, clusters_I, codes_IK + np.float32(0.25) * noise_IK)


def random_clusters(scenes: Scenes) -> Clusters:
    count = len(judge(scenes).space.units_IC)
    return np.random.default_rng(3).integers(CLASSES, size=count)


def constant(scenes: Scenes) -> JudgedLabelling:
    clusters_I = np.zeros_like(random_clusters(scenes))
    return judged(scenes, clusters_I, np.ones((len(clusters_I), 8), dtype=np.float32))


def nearly_constant(scenes: Scenes) -> JudgedLabelling:
    drawn_I = random_clusters(scenes)
    kept_I = np.random.default_rng(4).random(len(drawn_I)) < 0.03
    return judged(scenes, np.where(kept_I, drawn_I, 0))


def random_one_hot(scenes: Scenes) -> JudgedLabelling:
    return judged(scenes, random_clusters(scenes))


def random_codes(scenes: Scenes) -> JudgedLabelling:
    codes_IK = np.random.default_rng(5).normal(size=(len(random_clusters(scenes)), 16))
    return judged(scenes, codes_IK[:, :CLASSES].argmax(axis=1), codes_IK.astype(np.float32))


def stripes(scenes: Scenes) -> JudgedLabelling:
    rows_I = judge(scenes).space.sample.tokens_NI.ravel() // GRID[1]
    return judged(scenes, rows_I * CLASSES // GRID[0])


def cluster_per_image(scenes: Scenes) -> JudgedLabelling:
    return judged(scenes, judge(scenes).space.sample.image_of_I * CLASSES // IMAGES)


FAKES: tuple[Callable[[Scenes], JudgedLabelling], ...] = (
    constant,
    nearly_constant,
    random_one_hot,
    random_codes,
    stripes,
    cluster_per_image,
)


@pytest.mark.parametrize("scenes", SCENES, ids=("first", "second"))
@pytest.mark.parametrize("fake", FAKES)
def test_a_meaningless_clustering_is_below_the_median_of_realistic_runs(
    fake: Callable[[Scenes], JudgedLabelling], scenes: Scenes
) -> None:
    runs = [realistic(scenes, seed).composite for seed in range(8)]
    assert fake(scenes).composite < 0.5 * statistics.median(runs)
    assert fake(scenes).composite < min(runs)


def test_single_scores_are_deceived() -> None:
    """The reason for the gate, and for leaving scores of a run's own codes out."""
    runs = [realistic(SCENES[0], seed).labelling for seed in range(8)]
    for fake in (random_one_hot, stripes, cluster_per_image):
        deceived = fake(SCENES[0]).labelling
        assert deceived.code_silhouette > max(run.code_silhouette for run in runs)
        assert deceived.code_stability > max(run.code_stability for run in runs)


@pytest.mark.parametrize(
    ("fake", "refused"),
    [
        (constant, "nearly all tokens are in one cluster"),
        (nearly_constant, "nearly all tokens are in one cluster"),
        (stripes, "clusters follow the place in the image"),
        (cluster_per_image, "clusters follow the images"),
        (random_one_hot, None),
    ],
)
def test_the_gate_says_why(fake: Callable[[Scenes], JudgedLabelling], refused: str | None) -> None:
    assert fake(SCENES[0]).refused == refused
    assert (fake(SCENES[0]).composite == 0) == (refused is not None)


def test_two_clusters_are_too_few() -> None:
    assert judged(SCENES[0], true_classes(SCENES[0]) % 2).refused == "too few clusters are used"


def test_a_code_that_is_not_finite_is_refused() -> None:
    codes_IK = np.eye(CLASSES, dtype=np.float32)[true_classes(SCENES[0])]
    codes_IK[5] = np.nan
    made = judged(SCENES[0], true_classes(SCENES[0]), codes_IK)
    assert made.refused == "a code is not a finite number" and made.composite == 0


def test_the_classes_pass_the_gate_with_a_high_score() -> None:
    made = judged(SCENES[0], true_classes(SCENES[0]))
    assert made.refused is None
    assert made.composite > statistics.median(
        realistic(SCENES[0], seed).composite for seed in range(8)
    )


def test_the_composite_is_the_mean_rank_capped_by_twice_the_lowest() -> None:
    run, merged = realistic(SCENES[0], 0), judged(SCENES[0], true_classes(SCENES[0]) % 3)
    assert run.composite == pytest.approx(100 * np.mean(list(run.ranks.values())))
    assert merged.composite == pytest.approx(200 * min(merged.ranks.values()))


def test_classes_that_are_merged_lower_the_composite_although_neighbours_agree() -> None:
    classes = true_classes(SCENES[0])
    found = [judged(SCENES[0], classes % count).composite for count in (3, 4, 5, 6)]
    assert found == sorted(found)
    merged = judged(SCENES[0], classes % 3)
    assert min(merged.ranks["frozen_knn"], merged.ranks["frozen_probe"]) > 0.85


@pytest.mark.parametrize("name", SCORES)
def test_a_better_score_has_a_higher_rank_everywhere(name: str) -> None:
    reference = judge(SCENES[0]).reference
    limits = SCORES[name].lowest, SCORES[name].highest
    ranks = [reference.rank(name, score) for score in np.linspace(*limits, 101)]
    assert ranks[0] == 0 and ranks[-1] == 1
    assert all(low < high for low, high in itertools.pairwise(ranks))


def test_stability_is_high_where_codes_have_clusters_and_0_for_one_cluster() -> None:
    tidy = realistic(SCENES[0], 0).labelling.code_stability
    assert random_codes(SCENES[0]).labelling.code_stability < 0.3 < 0.8 < tidy <= 1
    assert constant(SCENES[0]).labelling.code_stability == 0
    assert np.isnan(
        dataclasses.replace(
            constant(SCENES[0]).labelling,
            codes_IK=np.full((len(random_clusters(SCENES[0])), 2), np.nan, dtype=np.float32),
        ).code_stability
    )


def test_dse_prefers_the_classes_to_random_clusters() -> None:
    classes = judged(SCENES[0], true_classes(SCENES[0])).labelling
    random = random_one_hot(SCENES[0]).labelling
    assert classes.frozen_separability > random.frozen_separability
    assert classes.frozen_dse > random.frozen_dse > constant(SCENES[0]).labelling.frozen_dse


def test_frozen_kmeans_leads_the_reference() -> None:
    reference = judge(SCENES[0]).reference
    for name in ("frozen_knn", "frozen_probe", "frozen_dse"):
        score = SCORES[name].compute(reference.kmeans)
        assert score >= sorted(reference.scores[name])[-3]


def test_a_judge_is_made_once_for_a_split_and_is_the_same_when_made_again() -> None:
    split = SCENES[1].split
    first = judge_of(split, CLASSES)
    assert judge_of(split, CLASSES) is first
    copied = judge_of(ValSplit(features=split.features, labels=None, names=split.names), CLASSES)
    assert first is not None and copied is not None and copied is not first
    assert copied.reference.scores == first.reference.scores


def test_a_split_of_one_image_has_no_judge() -> None:
    features = {name: each[:1] for name, each in SCENES[0].split.features.items()}
    assert judge_of(ValSplit(features=features, labels=None, names=("one",)), CLASSES) is None


@pytest.mark.parametrize("batch", [1, 5, IMAGES])
def test_a_tally_finds_the_sampled_tokens_at_any_batch_size(batch: int) -> None:
    """The codes are the features themselves, so that each must be at its place."""
    space = judge(SCENES[0]).space
    maps = SCENES[0].split.features["rgb"]
    codes_NTK = torch.from_numpy(maps.reshape(IMAGES, -1, maps.shape[-1]))
    centres_YK = torch.eye(maps.shape[-1])[:CLASSES]
    tally = judge(SCENES[0]).tally(centres_YK)
    for start in range(0, IMAGES, batch):
        tally.add(start, codes_NTK[start : start + batch])
    made = tally.result()
    wanted = space.sample.take(maps)
    assert np.array_equal(made.codes_IK, wanted)
    assert np.array_equal(made.clusters_I, wanted[:, :CLASSES].argmax(axis=1))
