"""Spherical K-means on a complete set of codes."""

import pytest
import torch
from torch import Tensor

from trainer.scoring.clustering import spherical_kmeans
from trainer.seeds import torch_generator


def grouped(groups: int, each: int = 40) -> tuple[Tensor, Tensor]:
    """Codes of random lengths around the axes, and the axis of each."""
    generator = torch_generator(3, "codes")
    axis = torch.arange(groups).repeat(each)
    noise = 0.2 * torch.randn(groups * each, groups, generator=generator)
    lengths = 0.1 + 5 * torch.rand(groups * each, 1, generator=generator)
    return (torch.eye(groups)[axis] + noise) * lengths, axis


@pytest.mark.parametrize("seed", range(5))
def test_separate_groups_become_clusters_at_any_length(seed: int) -> None:
    codes, axis = grouped(4)
    centres = spherical_kmeans(codes, 4, torch_generator(seed, "clusters"))
    assert torch.allclose(centres.norm(dim=1), torch.ones(4))
    nearest = (codes @ centres.mT).argmax(dim=1)
    found = {(int(one), int(other)) for one, other in zip(axis, nearest, strict=True)}
    assert len(found) == 4 and len({cluster for _, cluster in found}) == 4
    means = torch.stack(
        [torch.nn.functional.normalize(codes[axis == each]).sum(0) for each in range(4)]
    )
    cosines = torch.nn.functional.normalize(means) @ centres.mT
    assert torch.allclose(cosines.max(dim=1).values, torch.ones(4), atol=1e-5)


def test_a_seed_determines_the_result_and_torchs_generator_is_unchanged() -> None:
    codes = torch.randn(200, 5, generator=torch_generator(0, "codes"))
    before = torch.random.get_rng_state()
    one, same, other = (spherical_kmeans(codes, 3, torch_generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_fewer_different_codes_than_clusters_and_zeros_stay_finite() -> None:
    codes = torch.cat([torch.ones(10, 3), torch.zeros(5, 3)])
    assert spherical_kmeans(codes, 6, torch_generator(0)).isfinite().all()
