"""Angles as images: what has no beginning and no end keeps none.

Letters of shapes: ``docs/architecture.md``.
"""

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.base import Image

__all__ = ["angle_image"]


def angle_image(sine: NDArray[np.float32], cosine: NDArray[np.float32]) -> Image:
    """An angle as the point (sin, cos) on a circle.

    Args:
        sine: From -1 to 1, shape (h, w).
        cosine: Likewise.

    Returns:
        Image with shape (h, w, 3): sine and cosine on one scale, on which -1 is 0 and 1 is 1, so
        that angles as far apart are colours as far apart; the third channel is constantly the
        middle of the scale, so that neither of the two counts twice.
    """
    return np.stack([(sine + 1) / 2, (cosine + 1) / 2, np.full_like(sine, 0.5)], axis=2)
