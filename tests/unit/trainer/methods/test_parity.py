"""The whole of UniM2 against its restatement in NumPy float64: values, and slopes.

The trainer computes as it trains, in float32. Slopes of the restatement are differences between
two of its values, so that they share nothing with the trainer's gradients either.
"""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.trainer import restated
from tests.unit.trainer.small import (
    GRID,
    hyper_of,
    rows_of,
    small_batch,
    small_config,
    small_draws,
    small_tensor,
)
from trainer.methods import build_method
from trainer.nn.parameters import Layout
from trainer.seeds import torch_generator

Array = restated.Array
Parameters = restated.Parameters
CHANNELS, TOKENS = 6, GRID[0] * GRID[1]
MODALITIES = ("rgb", "depth", "nir", "aolp")
WIDTH = 1e-7  # of the differences: hardly a product of codes changes its sign within it

#: Different for every pair and modality, so that none can stand for another.
HYPER = {
    "lambda_self": 0.7, "b_self": 0.3, "lambda_knn": 0.45, "b_knn": 0.2, "lambda_random": 0.9,
    "b_random": 0.1, "rgb.b_self": 0.55,
}  # fmt: skip

CASES = [
    (1, {"fusion": "conv"}),
    (1, {"fusion": "conv", "target_dropout": "never"}),
    *((count, {"fusion": name}) for count in (2, 4) for name in restated.FUSIONS),
    (2, {"fusion": "conv", "cmh": "shared", "target_dropout": "always"}),
    (4, {"fusion": "mean", "cmh": "shared", "anchor": "none"}),
    (4, {"fusion": "sum", "anchor": "auxiliary", "pre_norm": "standardise"}),
    (2, {"fusion": "max", "pre_norm": "minmax", "msn_residual": True}),
]


class Case:
    """One step of the trainer, and the same of the restatement."""

    def __init__(self, count: int, settings: dict[str, Any]) -> None:
        self.settings, self.count = settings, count
        modalities = MODALITIES[:count]
        hyper = dict(HYPER)
        for place, modality in enumerate(modalities[1:]):
            hyper |= {f"lambda_cmcs.{modality}": 4.0 + place, f"{modality}.b_knn": 0.1 * place}
        self.config = small_config(modalities=modalities, hyper=hyper, **settings)
        self.method = build_method(self.config, channels=CHANNELS, classes=3)
        draws = small_draws(maps=count, masks=self.method.needs.masks)
        numbers = ("sample_weight_SB", "coordinates_SM2BQ2", "masks_SDNC")
        self.draws = dataclasses.replace(
            draws, **{name: getattr(draws, name).float() for name in numbers}
        )
        self.tokens = small_tensor(1, count, 8, TOKENS, CHANNELS, seed=1).float()
        self.rows = rows_of(self.config)
        row = self.method.parameters.initial_row(torch_generator(0, "parity"))
        # biases and scales away from where they start, so that each of them shows
        self.row = row + 0.1 * small_tensor(len(row), seed=2).float()

    def trained(self) -> tuple[float, torch.Tensor, Array]:
        """Loss, its gradient and the codes, in float32."""
        leaf, method = self.row[None].requires_grad_(), self.method
        made = method.step(
            method.parameters.views(leaf),
            method.buffers.views(initial(method.buffers)),
            small_batch(self.tokens),
            hyper_of(self.config, torch.float32),
            self.draws,
        )
        loss = torch.stack(list(made.terms.values())).sum()
        (gradient,) = torch.autograd.grad(loss, leaf)
        return float(loss.detach()), gradient[0].double(), made.codes_SBTK[0].detach().numpy()

    def restated(self, row: torch.Tensor) -> tuple[float, Array]:
        """Loss and codes, in float64."""
        views = self.method.parameters.views(row[None])
        parameters = {name: view[0].numpy() for name, view in views.items()}
        masks, raw = (each[0].double().numpy() for each in (self.draws.masks_SDNC, self.tokens))
        fused = restated.encoder(
            raw,
            parameters,
            fusion=self.settings["fusion"],
            pre_norm=self.settings.get("pre_norm", "l2"),
            residual=self.settings.get("msn_residual", False),
        )
        code = restated.head(fused, parameters, masks)
        loss = restated.total_loss(
            self.targets(raw, masks).reshape(self.count, 8, *GRID, CHANNELS),
            np.stack(self.codes(code, parameters)).reshape(self.count, 8, *GRID, -1),
            self.draws.coordinates_SM2BQ2[0].double().numpy(),
            self.draws.sources_SMBJ[0, :, :, 2:].transpose(1, 2).numpy(),
            np.array(self.rows),
        )
        return loss, code[:4]

    def targets(self, raw: Array, masks: Array) -> Array:
        dropped = {"always": True, "never": False}.get(
            self.settings.get("target_dropout", "single"), self.count == 1
        )
        return raw * masks[2:][:, :, None] if dropped else raw

    def codes(self, code: Array, parameters: Parameters) -> list[Array]:
        """The code of each modality."""
        anchors = {
            "first": [True, False, False, False],
            "auxiliary": [False, True, True, True],
            "none": [False] * 4,
        }[self.settings.get("anchor", "first")][: self.count]
        if self.count == 1:
            return [code]
        shared, codes, head = self.settings.get("cmh") == "shared", [], 0
        for anchor in anchors:
            codes.append(code if anchor else restated.harmonise(code, parameters, head))
            head += not (anchor or shared)
        return codes


def initial(layout: Layout) -> torch.Tensor:
    return layout.initial_row(torch_generator(0))[None]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest) -> Case:
    return Case(*request.param)


def test_loss_and_codes_agree(case: Case) -> None:
    loss, _, codes = case.trained()
    expected, expected_codes = case.restated(case.row.double())
    assert abs(expected) > 1e-2
    assert loss == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert np.abs(codes - expected_codes).max() < 1e-5 * np.abs(expected_codes).max()


def test_gradients_are_the_slopes_of_the_restatement(case: Case) -> None:
    _, gradient, _ = case.trained()
    parts: dict[str, list[slice]] = {}
    start = 0
    for entry in case.method.parameters.entries:
        part = entry.name.split(".")[0]
        parts.setdefault(part, []).append(slice(start, start + entry.size))
        start += entry.size
    row = case.row.double()
    assert len(parts) == (1 if case.count == 1 else 3 + ("fusion" in parts))
    for number, (part, places) in enumerate(parts.items()):
        own = torch.zeros_like(row)
        for place in places:
            own[place] = 1
        aside = own * small_tensor(len(own), seed=20 + number) / own.sum().sqrt()
        direction = own * gradient / (own * gradient).norm() + 0.3 * aside
        slope = float(gradient @ direction)
        above, below = (case.restated(row + sign * WIDTH * direction)[0] for sign in (1, -1))
        assert slope > 1e-4, part
        assert slope == pytest.approx((above - below) / (2 * WIDTH), rel=1e-3), part
