"""Seeds: every random draw comes from a generator that is named by its purpose.

Nothing reads global random state. A seed is a hash of its parts, so that the draws for one
purpose do not change when another purpose draws more or fewer numbers.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["derive_seed", "numpy_generator", "torch_generator"]

SEED_BITS = 63  # torch and numpy both accept any non-negative 63-bit seed


def derive_seed(*parts: int | str) -> int:
    """Hash the parts, for example ``(study seed, trial number, purpose)``, into one seed.

    Args:
        *parts: Integers and strings; their order and types matter.

    Returns:
        An integer in ``[0, 2**63)``, the same on every machine and Python version.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - SEED_BITS)


def torch_generator(*parts: int | str) -> "torch.Generator":
    """A torch generator on the CPU, seeded by :func:`derive_seed` of the parts."""
    import torch  # lazily: reading studies does not need it

    generator = torch.Generator()
    generator.manual_seed(derive_seed(*parts))
    return generator


def numpy_generator(*parts: int | str) -> np.random.Generator:
    """A numpy generator seeded by :func:`derive_seed` of the parts."""
    return np.random.default_rng(derive_seed(*parts))
