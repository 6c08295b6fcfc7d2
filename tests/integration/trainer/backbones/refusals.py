"""The messages of errors that a user can cause."""

from collections.abc import Callable

import pytest

from trainer.errors import WeightsError

__all__ = ["refusal"]

LONGEST = 500


def refusal(action: Callable[[], object], error: type[Exception] = WeightsError) -> str:
    """The message with which an action is refused; it has one line."""
    with pytest.raises(error) as raised:
        action()
    text = str(raised.value)
    assert "\n" not in text and len(text) < LONGEST
    return text
