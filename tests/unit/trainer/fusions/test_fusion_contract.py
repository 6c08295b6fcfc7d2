"""Contract of every fusion in the table."""

import re
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from trainer.config.configuration import MethodConfig
from trainer.errors import ConfigError
from trainer.fusions import FUSIONS
from trainer.fusions.base import Fusion
from trainer.nn.parameters import Layout
from trainer.seeds import torch_generator

S, M, N, T, C = 2, 3, 4, 5, 6


@pytest.fixture(params=FUSIONS)
def name(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


@pytest.fixture
def fusion(name: str) -> Fusion:
    return FUSIONS[name].build(modalities=M, channels=C)


def rows(fusion: Fusion) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Drawn parameters and fresh buffers of S slots."""
    made = []
    for entries in (fusion.entries(), fusion.buffer_entries()):
        layout = Layout(entries=entries)
        drawn = [layout.initial_row(torch_generator(seed, "fusion")) for seed in range(S)]
        made.append(layout.views(torch.stack(drawn)))
    return made[0], made[1]


def tokens() -> Tensor:
    return torch.randn(S, M, N, T, C, generator=torch_generator(0, "tokens"))


def test_a_map_has_the_channels_of_one_modality(fusion: Fusion) -> None:
    parameters, buffers = rows(fusion)
    assert fusion(tokens(), parameters, buffers, None).shape == (S, N, T, C)


def test_every_parameter_reaches_the_map(fusion: Fusion) -> None:
    parameters, buffers = rows(fusion)
    learned = {name: view.clone().requires_grad_() for name, view in parameters.items()}
    fused = fusion(tokens(), learned, buffers, torch.ones(S, N // 2))
    if learned:
        weights = torch.randn(fused.shape, generator=torch_generator(1, "weights"))
        gradients = torch.autograd.grad((fused * weights).sum(), tuple(learned.values()))
        assert all(bool(gradient.abs().sum() > 0) for gradient in gradients)


def test_a_slot_does_not_see_another(fusion: Fusion) -> None:
    parameters, buffers = rows(fusion)
    both = fusion(tokens(), parameters, buffers, None)
    changed = tokens()
    changed[1] += 1
    assert torch.equal(fusion(changed, parameters, buffers, None)[0], both[0])


def test_the_start_identity_initialises_a_learned_fusion_as_the_mean(
    name: str, fusion: Fusion
) -> None:
    parameters, buffers = rows(fusion)
    maps = tokens()
    shares = torch.full((M,), 1 / M)
    parameters |= fusion.weighted(parameters, shares, bound=1.25 * float(maps.abs().max()))
    expected = {"sum": maps.sum(dim=1), "max": maps.amax(dim=1)}.get(name, maps.mean(dim=1))
    if FUSIONS[name].not_from_identity is None:
        torch.testing.assert_close(fusion(maps, parameters, buffers, None), expected)


def test_the_start_first_passes_the_first_modality_alone(name: str, fusion: Fusion) -> None:
    parameters, buffers = rows(fusion)
    maps = tokens()
    shares = torch.eye(M)[0]
    parameters |= fusion.weighted(parameters, shares, bound=1.25 * float(maps.abs().max()))
    fused = fusion(maps, parameters, buffers, None)
    alone = torch.allclose(fused, maps[:, 0], atol=1e-5)
    assert alone == (FUSIONS[name].not_from_first is None)


def test_an_unknown_fusion_is_refused_with_the_names() -> None:
    expected = "method.fusion = 'product' is unknown: choose one of sum, mean, max, conv, ladder"
    with pytest.raises(ConfigError, match=re.escape(expected)):
        MethodConfig(fusion="product")


def test_the_names_are_read_without_torch() -> None:
    program = "import sys, trainer.fusions; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr
