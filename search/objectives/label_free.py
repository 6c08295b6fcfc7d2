"""The objective ``label-free``: for data without labels (``docs/choosing-without-labels.md``)."""

from search.objectives.objective import Objective

__all__ = ["LABEL_FREE"]

LABEL_FREE = Objective(
    name="label-free",
    label="label-free score",
    unit="of 100",
    sentence="Rank of the clusters on val among fixed clusterings of the frozen features;"
    " no label is read.",
    criteria=("label_free",),
    formula=lambda criteria: criteria["label_free"],
    leads={
        "frozen_knn": 0.0,
        "frozen_probe": 0.0,
        "frozen_dse": 0.0,
        # neighbours agree all the better on merged classes
        "cluster_entropy": -0.1,
    },
)
