"""Whether figures can be drawn at all."""

import importlib.util

from trainer.console.shell import install_command, shell_text
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
            f" {shell_text(install_command('figures'))}"
        )
