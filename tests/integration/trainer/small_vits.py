"""Vision transformers of the DINO families, two narrow blocks deep, with random weights."""

import torch

from trainer.backbones.timm_vit import TimmVit, build_timm_vit

CPU = torch.device("cpu")


def random_vit(name: str, *, output: str = "tokens", seed: int = 1) -> TimmVit:
    """A model whose weights all differ from those of a fresh one, and from 0 and 1."""
    vit = build_timm_vit(name, "random", CPU, output=output)
    generator = torch.Generator().manual_seed(seed)
    for value in vit.model.state_dict().values():
        value.add_(0.2 * torch.randn(value.shape, generator=generator))
    return vit


def images_of(vit: TimmVit, rows: int = 2, columns: int = 2) -> torch.Tensor:
    """Two images of so many tokens."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, rows * vit.patch, columns * vit.patch, generator=generator)
