"""Mixing of tokens with those around them: weights and sums by hand."""

import math

import numpy as np
import pytest
import torch

from tests.unit.trainer.small import GRID, small_tensor
from trainer.nn.neighbours import local_weights, mix

TOKENS = GRID[0] * GRID[1]


def test_weights_equal_the_restatement() -> None:
    affinity = small_tensor(2, TOKENS, TOKENS)
    made = local_weights(affinity, GRID).numpy()
    height, width = GRID
    for crop in range(2):
        for token in range(TOKENS):
            row = affinity[crop, token].numpy()
            row = np.exp(np.clip(row, np.quantile(row, 0.1), np.quantile(row, 0.9)))
            row = row / row.sum()
            row = np.where(row < row.mean(), 0, row)
            y, x = divmod(token, width)
            expected = [
                row[(y + down) * width + x + across]
                if 0 <= y + down < height and 0 <= x + across < width
                else 0
                for down in (-1, 0, 1)
                for across in (-1, 0, 1)
            ]
            np.testing.assert_allclose(made[crop, token], expected, rtol=1e-12)


def test_quantiles_of_two_tokens_by_hand() -> None:
    # clipped from 0 and 1 to 0.1 and 0.9; the smaller weight is below the mean
    made = local_weights(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]], dtype=torch.float64), (1, 2))
    large = 1 / (1 + math.exp(-0.8))
    assert made[0, 0].tolist() == pytest.approx([0, 0, 0, 0, 0, large, 0, 0, 0])
    assert made[0, 1].tolist() == pytest.approx([0, 0, 0, large, 0, 0, 0, 0, 0])


def test_a_mixture_is_a_sum_over_the_tokens_that_are_there() -> None:
    tokens = torch.arange(6, dtype=torch.float64).view(1, 6, 1)  # 2 rows, 3 columns
    made = mix(tokens, torch.ones(1, 6, 9, dtype=torch.float64), (2, 3))
    corner, edge = (0 + 1 + 3 + 4) / 4, (0 + 1 + 2 + 3 + 4 + 5) / 6
    assert made[0, :, 0].tolist()[:2] == pytest.approx([corner, edge])
    only_below = torch.zeros(1, 6, 9, dtype=torch.float64)
    only_below[..., 7] = 2
    assert mix(tokens, only_below, (2, 3))[0, :, 0].tolist() == pytest.approx(
        [2 * 3 / 4, 2 * 4 / 6, 2 * 5 / 4, 0, 0, 0]
    )
