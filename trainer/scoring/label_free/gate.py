"""The gate: clusterings that no score may rescue.

Its thresholds depend on K-means of the frozen features of the same images: where that finds one
large cluster, or clusters that follow the images or the places in them, runs may do so as well.
"""

from collections.abc import Callable

from trainer.scoring.label_free.labelling import Labelling

__all__ = ["closed_by"]

SHARE = 0.95  # of the tokens in one cluster, allowed on any data
USED = 0.005  # smallest share of the tokens in a cluster that counts as used
CLUSTERS = 3  # that must be used, if there are as many
IMAGE, POSITION = 0.8, 0.5  # dependence on them that is allowed on any data


def closed_by(labelling: Labelling, kmeans: Labelling) -> str | None:
    """Why a clustering does not pass the gate, in one phrase; None if it passes.

    Args:
        labelling: The clustering.
        kmeans: K-means of the frozen features of the same tokens.
    """
    if not labelling.finite:
        return "a code is not a finite number"
    if _exceeds(labelling, kmeans, _largest_share, SHARE):
        return "nearly all tokens are in one cluster"
    if (labelling.shares_Y >= USED).sum() < min(CLUSTERS, labelling.count):
        return "too few clusters are used"
    if _exceeds(labelling, kmeans, lambda each: each.image_dependence, IMAGE):
        return "clusters follow the images"
    if _exceeds(labelling, kmeans, lambda each: each.position_dependence, POSITION):
        return "clusters follow the place in the image"
    return None


def _exceeds(
    labelling: Labelling, kmeans: Labelling, measure: Callable[[Labelling], float], least: float
) -> bool:
    """Whether a measure is above ``least`` and nearer to 1 than to that of K-means."""
    return measure(labelling) > max(least, (1 + measure(kmeans)) / 2)


def _largest_share(labelling: Labelling) -> float:
    return float(labelling.shares_Y.max())
