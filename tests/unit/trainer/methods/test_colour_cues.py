"""Colour cues: fuzzy clusters and both losses, restated."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.unit.trainer import restated
from tests.unit.trainer.small import (
    GRID,
    hyper_of,
    small_batch,
    small_config,
    small_draws,
    small_tensor,
)
from trainer.config.configuration import MethodConfig
from trainer.errors import ConfigError
from trainer.losses.colour_cues import colour_contrast, cue_loss, fuzzy_clusters
from trainer.methods import build_method, feature_maps

NAME = "experimental/colour-cues"
TOKENS = GRID[0] * GRID[1]
Floats = NDArray[np.float64]


def restated_clusters(colours: Floats, count: int, place: float, neighbours: float) -> Floats:
    """Memberships (T, F) of one crop, token by token."""
    rows, columns = GRID
    places = [(row / (rows - 1), column / (columns - 1)) for row, column in np.ndindex(GRID)]
    points = np.concatenate([colours, place * np.array(places)], axis=1)
    order = colours.sum(axis=1).argsort(kind="stable")
    centres = points[order[[int((each + 0.5) * TOKENS / count) for each in range(count)]]]
    shares = np.zeros((TOKENS, count))
    for _ in range(10):
        apart = ((points[:, None] - centres) ** 2).sum(axis=2)
        far = np.zeros_like(apart)
        for row, column in np.ndindex(GRID):
            around = [
                apart[r * columns + c]
                for r in range(max(0, row - 1), min(rows, row + 2))
                for c in range(max(0, column - 1), min(columns, column + 2))
            ]
            far[row * columns + column] = np.mean(around, axis=0)
        close = 1 / (apart + neighbours * far + 1e-6)
        shares = close / close.sum(axis=1, keepdims=True)
        centres = (shares**2).T @ points / (shares**2).sum(axis=0)[:, None]
    return shares


@pytest.mark.parametrize("neighbours", [0.0, 1.0])
def test_fuzzy_clusters_equal_the_restatement(neighbours: float) -> None:
    colours = small_tensor(2, TOKENS, 3).sigmoid()
    made = fuzzy_clusters(colours, GRID, count=4, place=0.3, neighbours=neighbours)
    for crop in range(2):
        wanted = restated_clusters(colours[crop].numpy(), 4, 0.3, neighbours)
        np.testing.assert_allclose(made[crop], wanted, rtol=1e-7)


def test_a_token_follows_its_surroundings() -> None:
    colours = torch.zeros(1, 5, 6, 3, dtype=torch.float64)
    colours[:, :, 3:] = 1.0
    colours[:, 2, 1] = 0.6  # a speck on the dark side
    speck = 2 * 6 + 1
    alone, together = (
        fuzzy_clusters(colours.flatten(1, 2), (5, 6), count=2, place=0.0, neighbours=neighbours)[
            0, speck
        ]
        for neighbours in (0.0, 4.0)
    )
    assert alone.argmax() != together.argmax()


@pytest.mark.parametrize(
    "modalities", [("rgb",), ("rgb", "depth"), ("rgb", "depth", "nir", "aolp")]
)
def test_both_terms_equal_the_restatement(modalities: tuple[str, ...]) -> None:
    hyper = {"lambda_cues": 0.6, "b_cues": 0.4, "lambda_colour": 0.2}
    config = small_config(modalities=modalities, name=NAME, fusion="mean", hyper=hyper)
    method = build_method(config, channels=6, classes=3)
    draws = small_draws(maps=1, masks=method.needs.masks)
    draws = dataclasses.replace(draws, masks_SDNC=torch.ones_like(draws.masks_SDNC))
    views = method.parameters.views(small_tensor(1, method.parameters.size, seed=2))
    tokens = small_tensor(1, len(modalities), 8, TOKENS, 6, seed=1)
    batch = small_batch(tokens, config)
    made = method.step(views, {}, batch, hyper_of(config), draws)
    colours, changed = (batch.maps[each][0, :4].numpy() for each in feature_maps(config))
    other = tokens.clone()
    other[0, 0, :4] = torch.from_numpy(changed)
    plain, moved = (
        method.encode(views, {}, each[:, :, :4])[0].numpy() for each in (tokens, other)
    )
    cues, contrast = [], []
    for crop in range(4):
        shares = restated_clusters(colours[crop], 6, 0.3, 1.0)
        similar = np.maximum(restated.cosines(plain[crop], plain[crop]), 0)
        cues.append(np.mean(-similar * (restated.cosines(shares, shares) - 0.4)))
        logits = restated.cosines(plain[crop], moved[crop]) / 0.2
        chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        contrast.append(-np.mean(np.log(np.diagonal(chance))))
    assert made.terms["cues"].item() == pytest.approx(0.6 * np.mean(cues), rel=1e-7)
    assert made.terms["colour"].item() == pytest.approx(0.2 * np.mean(contrast), rel=1e-7)


def test_alike_colours_and_codes_of_two_tokens_by_hand() -> None:
    codes = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    shares = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]])
    one = torch.ones(1, 1)
    made = cue_loss(codes, shares, bias_S=torch.tensor([0.25]), sample_weight_SB=one)
    assert made.item() == pytest.approx(-(2 * 0.75 - 2 * 0.25) / 4)
    found = colour_contrast(codes, codes, temperature=0.5, sample_weight_SB=one)
    assert found.item() == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ({"clusters": 1}, "clusters = 1 is too small"),
        ({"place": -1.0}, "place = -1 is out of range"),
        ({"temperature": 0.0}, "temperature = 0 is out of range"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], phrase: str) -> None:
    with pytest.raises(ConfigError, match=phrase):
        MethodConfig(name=NAME, options=options)
