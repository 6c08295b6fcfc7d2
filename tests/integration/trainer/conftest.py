import functools
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def shrink(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes every vision transformer that is built afterwards small."""
    import timm  # takes seconds, and only some tests need it

    def make_small(*, width: int = 64, heads: int = 1, depth: int = 2) -> None:
        small: Any = functools.partial(
            timm.create_model, embed_dim=width, num_heads=heads, depth=depth
        )
        monkeypatch.setattr(timm, "create_model", small)

    return make_small
