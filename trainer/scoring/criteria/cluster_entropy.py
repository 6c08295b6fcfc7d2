"""Uniformity of cluster use. Shape letter: Z clusters."""

import math

import numpy as np

from trainer.scoring.criteria.criterion import Criterion, Evidence

__all__ = ["CLUSTER_ENTROPY"]


def _cluster_entropy(evidence: Evidence) -> float:
    clusters = len(evidence.use_Z)
    if clusters < 2:
        return 1.0
    shares_Z = evidence.use_Z / evidence.use_Z.sum()
    used = shares_Z[shares_Z > 0]
    return -float((used * np.log(used)).sum()) / math.log(clusters)


CLUSTER_ENTROPY = Criterion(
    name="cluster_entropy",
    needs_labels=False,
    sentence="Entropy of cluster use over log Z, from 0 (one cluster) to 1 (even use).",
    compute=_cluster_entropy,
)
