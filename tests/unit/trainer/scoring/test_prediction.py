"""Predictions against direct computation: upsample the code itself, then compare and refine.

Shape letters: N images, T tokens (H*W), K code channels, Y classes, h w pixels.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.unit.trainer.small import CLASSES, CPU, GRID, small_dataset_features
from trainer.losses.draws import StepDraws
from trainer.methods.base import Batch, IntermediateMaps, Needs, Sample, StepTerms
from trainer.nn.parameters import Layout, Views
from trainer.scoring.crf import refine
from trainer.scoring.evaluation import Evaluation, evaluate
from trainer.scoring.prediction import Scored, TestTimeOptions, best_class, codes_of, predict
from trainer.seeds import torch_generator

SIZE = (16, 20)
WIDTH = 4
DATASET_FEATURES = small_dataset_features()


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch_generator(4, "prediction"))


def upsampled(
    tokens_NTK: torch.Tensor, grid: tuple[int, int], size: tuple[int, int]
) -> torch.Tensor:
    maps_NKHW = torch.unflatten(tokens_NTK, 1, grid).permute(0, 3, 1, 2)
    return functional.interpolate(maps_NKHW, size=size, mode="bilinear", align_corners=False)


@pytest.mark.parametrize(
    ("grid", "size"),
    [((4, 5), (16, 20)), ((3, 3), (10, 7)), ((4, 5), (4, 5)), ((1, 2), (5, 9)), ((9, 8), (4, 3))],
)
def test_the_best_class_is_that_of_the_upsampled_scores(
    grid: tuple[int, int], size: tuple[int, int]
) -> None:
    scores_NTY = random(3, grid[0] * grid[1], 6)
    made_Nhw = best_class(scores_NTY, grid, size)
    assert made_Nhw.dtype == torch.uint8
    assert torch.equal(made_Nhw.long(), upsampled(scores_NTY, grid, size).argmax(dim=1))


def test_the_first_of_equal_scores_wins_and_nan_gives_some_class() -> None:
    scores_NTY = torch.zeros(1, 4, 3)
    assert not best_class(scores_NTY, (2, 2), (4, 4)).any()
    scores_NTY[..., 1:] = 1
    assert (best_class(scores_NTY, (2, 2), (4, 4)) == 1).all()
    scores_NTY[:] = torch.nan
    assert (best_class(scores_NTY, (2, 2), (4, 4)) < 3).all()


class Project:
    """A trivial method: the mean of the modalities' features, projected at random."""

    needs = Needs(positives=False, maps=0, masks=0)
    terms: tuple[str, ...] = ()
    parameters = buffers = Layout(entries=())
    code_dim = WIDTH

    def start(self, parameters: Views, buffers: Views, sample: Sample) -> tuple[Views, Views]:
        return parameters, buffers

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, torch.Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        raise NotImplementedError("it is not trained")

    def intermediate_maps(
        self, parameters: Views, buffers: Views, tokens_1MNTC: torch.Tensor
    ) -> IntermediateMaps:
        raise NotImplementedError("no picture of it is drawn")

    def encode(
        self, parameters: Views, buffers: Views, tokens_SMNTC: torch.Tensor
    ) -> torch.Tensor:
        return tokens_SMNTC.mean(dim=1) @ random(6, WIDTH)


@pytest.fixture(scope="module")
def model() -> Scored:
    probes = {
        "cluster.centres": random(1, CLASSES, WIDTH),
        "linear.weight": random(1, CLASSES, WIDTH).flip(-1),
        "linear.bias": random(1, CLASSES),
    }
    return Scored(method=Project(), parameters={}, buffers={}, probes=probes, linear=True)


def score(model: Scored, **options: Any) -> Evaluation:
    return evaluate(
        model,
        DATASET_FEATURES.val,
        modalities=DATASET_FEATURES.modalities,
        batch_size=2,
        device=CPU,
        options=TestTimeOptions(**options),
    )


def test_the_crf_starts_from_cosines_of_the_upsampled_code(model: Scored) -> None:
    codes_NTK = codes_of(model, DATASET_FEATURES.val.features, DATASET_FEATURES.modalities, CPU)
    guides_N3hw = random(5, 3, *SIZE).sigmoid()
    made = predict(codes_NTK, model, grid=GRID, size=SIZE, guides_N3hw=guides_N3hw)
    codes_NKhw = upsampled(codes_NTK, GRID, SIZE)
    centres_YK = functional.normalize(model.probes["cluster.centres"][0], dim=-1)
    cosines_NYhw = torch.einsum("nkhw,yk->nyhw", functional.normalize(codes_NKhw), centres_YK)
    expected = refine((2 * cosines_NYhw).softmax(dim=1), guides_N3hw).argmax(dim=1)
    assert (made.clusters_Nhw == expected).float().mean() > 0.999
    weight_YK, bias_Y = model.probes["linear.weight"][0], model.probes["linear.bias"][0]
    logits_NYhw = torch.einsum("nkhw,yk->nyhw", codes_NKhw, weight_YK) + bias_Y[:, None, None]
    expected = refine(logits_NYhw.softmax(dim=1), guides_N3hw).argmax(dim=1)
    assert made.linear_Nhw is not None
    assert (made.linear_Nhw == expected).float().mean() > 0.999
    plain = predict(codes_NTK, model, grid=GRID, size=SIZE)
    assert not torch.equal(plain.clusters_Nhw, made.clusters_Nhw)


def test_guides_are_read_batch_by_batch(model: Scored) -> None:
    asked: list[slice] = []

    def guides(part: slice) -> torch.Tensor:
        asked.append(part)
        return random(len(range(5)[part]), 3, *SIZE).sigmoid()

    assert score(model, guides=guides).cluster != score(model).cluster
    assert [(part.start, part.stop) for part in asked] == [(0, 2), (2, 4), (4, 6)]


def test_codes_are_averaged_with_the_mirrored_images_mirrored_back(model: Scored) -> None:
    other = {
        name: np.random.default_rng(3).normal(size=maps.shape).astype(np.float32)
        for name, maps in DATASET_FEATURES.val.features.items()
    }
    made = score(model, mirrored=other)
    own_NTK = codes_of(model, DATASET_FEATURES.val.features, DATASET_FEATURES.modalities, CPU)
    other_NTK = codes_of(model, other, DATASET_FEATURES.modalities, CPU)
    back_NTK = torch.unflatten(other_NTK, 1, GRID).flip(2).flatten(1, 2)
    expected = predict((own_NTK + back_NTK) / 2, model, grid=GRID, size=SIZE).clusters_Nhw
    labelled = DATASET_FEATURES.val.labels != 255
    use_Y = np.bincount(expected.numpy()[labelled], minlength=3)
    assert made.cluster_counts_YZ.sum(axis=0).tolist() == use_Y.tolist()
    assert made.cluster_counts_YZ.tolist() != score(model).cluster_counts_YZ.tolist()


def test_averaging_changes_nothing_if_mirroring_does_not(model: Scored) -> None:
    mirrored = {name: maps[:, :, ::-1] for name, maps in DATASET_FEATURES.val.features.items()}
    assert score(model, mirrored=mirrored) == score(model)


def test_without_a_linear_probe_there_is_no_linear_prediction(model: Scored) -> None:
    model = dataclasses.replace(model, linear=False)
    codes_NTK = random(1, 20, 4)
    assert predict(codes_NTK, model, grid=GRID, size=SIZE).linear_Nhw is None
    guides = random(1, 3, *SIZE).sigmoid()
    made = predict(codes_NTK, model, grid=GRID, size=SIZE, guides_N3hw=guides)
    assert made.linear_Nhw is None
