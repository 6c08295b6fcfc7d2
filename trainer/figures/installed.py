"""Whether figures can be drawn at all."""

import importlib.util

from trainer.errors import FigureError

__all__ = ["require_matplotlib"]


def require_matplotlib() -> None:
    """Refuse to draw without Matplotlib.

    Raises:
        FigureError: If it is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise FigureError(
            "figures need Matplotlib, which is not installed:"
            " pip install --constraint constraints.txt --editable '.[figures]'"
        )
