"""The frozen space against direct computation."""

import dataclasses
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tests.unit.trainer.scoring.label_free.scenes import CHANNELS, GRID, IMAGES, make_scenes
from trainer.scoring.label_free.frozen_space import (
    NEIGHBOURS,
    RIDGE,
    FrozenSpace,
    _regression,
    measure_space,
    unit_rows,
)

FEATURES = make_scenes().split.features


@cache
def space() -> FrozenSpace:
    made = measure_space(FEATURES)
    assert made is not None
    return made


def centred(modality: str) -> NDArray[np.float32]:
    rows = space().sample.take(FEATURES[modality])
    return unit_rows(rows - rows.mean(axis=0))


def test_the_sample_has_equally_many_tokens_of_each_image_and_is_the_same_each_time() -> None:
    sample = space().sample
    assert sample.images_N.tolist() == list(range(IMAGES))
    assert sample.tokens_NI.shape == (IMAGES, 2048 // IMAGES)
    assert all(len(set(tokens)) == len(tokens) for tokens in sample.tokens_NI.tolist())
    assert sample.tokens_NI.max() < GRID[0] * GRID[1]
    again = measure_space(FEATURES)
    assert again is not None and np.array_equal(again.neighbours_MIV, space().neighbours_MIV)
    token = sample.tokens_NI[3, 5]
    wanted = FEATURES["rgb"].reshape(IMAGES, -1, CHANNELS)[3, token]
    assert np.array_equal(sample.take(FEATURES["rgb"])[3 * 128 + 5], wanted)


def test_a_large_split_is_sampled_evenly() -> None:
    made = measure_space({"rgb": np.zeros((200, 2, 3, 4), dtype=np.float16)})
    assert made is not None and made.sample.tokens_NI.shape == (64, 6)
    assert made.sample.images_N[[0, 1, -1]].tolist() == [0, 3, 196]
    assert not made.units_IC.any()  # equal tokens have no direction, and do no harm


def test_there_is_nothing_to_compare_in_a_single_image() -> None:
    assert measure_space({"rgb": FEATURES["rgb"][:1]}) is None


def test_neighbours_are_the_most_similar_tokens_of_other_images() -> None:
    image_of_I = space().sample.image_of_I
    for modality, neighbours_IV in zip(FEATURES, space().neighbours_MIV, strict=True):
        units = centred(modality)
        for token in (0, 700, 2047):
            cosines = np.where(image_of_I == image_of_I[token], -2, units @ units[token])
            nearest = np.argsort(cosines)[-NEIGHBOURS:]
            assert set(neighbours_IV[token].tolist()) == set(nearest.tolist())


def test_halves_share_no_image_and_predict_as_ridge_regression_does() -> None:
    halves, image_of_I = space().halves, space().sample.image_of_I
    first, second = halves.tokens
    assert not set(image_of_I[first].tolist()) & set(image_of_I[second].tolist())
    assert sorted([*first.tolist(), *second.tolist()]) == list(range(len(image_of_I)))
    known, asked = centred("depth")[second], centred("depth")[first]
    targets = np.random.default_rng(0).normal(size=len(second))
    gram = known.T @ known + RIDGE * len(second) * np.eye(CHANNELS)
    weights = np.linalg.solve(gram, known.T @ targets)
    predicted = halves.regressions[1][1].predict(targets[:, None].astype(np.float32))
    np.testing.assert_allclose(predicted[:, 0], asked @ weights, atol=1e-4)


def test_ridge_regression_is_the_same_from_either_system() -> None:
    generator = np.random.default_rng(1)
    known, asked, targets = (
        generator.normal(size=shape).astype(np.float32) for shape in ((12, 5), (4, 5), (12, 2))
    )
    wide = np.zeros((12, 30), dtype=np.float32)
    wide[:, :5] = known
    asked_wide = np.zeros((4, 30), dtype=np.float32)
    asked_wide[:, :5] = asked
    few, many = _regression(known, asked), _regression(wide, asked_wide)
    np.testing.assert_allclose(few.predict(targets), many.predict(targets), atol=1e-5)


def test_the_space_depends_on_nothing_but_features() -> None:
    assert {field.name for field in dataclasses.fields(FrozenSpace)} == {
        "sample",
        "units_IC",
        "neighbours_MIV",
        "halves",
    }
