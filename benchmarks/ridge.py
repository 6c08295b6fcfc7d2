"""Upper bound of what labels can get out of frozen features: ridge regression on tokens.

Shape letters: N images, H W token grid, C feature channels, Y classes, T tokens.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.features.dataset_features import IGNORE, DatasetFeatures, Features
from trainer.records import Scores
from trainer.scoring.metrics import scores_of
from trainer.scoring.probes import token_labels

__all__ = ["ridge_scores"]

PENALTY = 1e-3  # times the number of tokens


def ridge_scores(dataset_features: DatasetFeatures, modalities: Sequence[str]) -> Scores:
    """Scores on the test split's tokens of a closed-form regression on the train split's.

    Args:
        dataset_features: Features with labels on train and test.
        modalities: Modalities whose features are concatenated.
    """
    train, test = dataset_features.train, dataset_features.test
    assert train.labels is not None and test.labels is not None
    design_TC, truth_T = _tokens([train.features[name] for name in modalities], train.labels)
    classes = len(dataset_features.classes)
    gram = design_TC.T @ design_TC + PENALTY * len(design_TC) * np.eye(design_TC.shape[1])
    weights_CY = np.linalg.solve(gram, design_TC.T @ np.eye(classes)[truth_T])
    design_TC, truth_T = _tokens([test.features[name] for name in modalities], test.labels)
    predicted_T = (design_TC @ weights_CY).argmax(axis=1)
    counts = np.bincount(truth_T * classes + predicted_T, minlength=classes**2)
    return scores_of(counts.reshape(classes, classes))


def _tokens(
    features: Sequence[Features], labels: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Labelled tokens with a constant, shape (T, C + 1), and their classes, shape (T,)."""
    grid = features[0].shape[1:3]
    truth = token_labels(np.asarray(labels), (grid[0], grid[1])).reshape(-1).astype(np.int64)
    joined = np.concatenate([np.asarray(each, dtype=np.float64) for each in features], axis=-1)
    design = joined.reshape(len(truth), -1)
    known = truth != IGNORE
    return np.c_[design, np.ones(len(design))][known], truth[known]
