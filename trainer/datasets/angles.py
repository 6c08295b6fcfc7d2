"""Angles as images, without a jump between 0 and a whole turn.

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
        Image with shape (h, w, 3): sine and cosine on one scale, on which -1 becomes 0 and 1 stays
        1, so that equal differences of angles are equal differences of colour. The third channel
        is constant at the middle of the scale, so that neither sine nor cosine counts twice.
    """
    return np.stack([(sine + 1) / 2, (cosine + 1) / 2, np.full_like(sine, 0.5)], axis=2)
