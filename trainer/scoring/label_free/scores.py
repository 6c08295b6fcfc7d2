"""The scores that the label-free composite combines, by name: all in the frozen space.

Scores of a run's own codes are criteria of every evaluation, but no part of the composite. Random
clusters with separate codes have the best possible values, and the codes of K-means are the frozen
features themselves, with which the codes of a trained head cannot be compared.

A new score is one line in the table; its criterion shows it in reports.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trainer.scoring.label_free.labelling import Labelling

__all__ = ["SCORES", "Score"]


@dataclass(frozen=True, kw_only=True)
class Score:
    """One score of a clustering: the higher, the better."""

    compute: Callable[[Labelling], float]
    #: The lowest and the highest value that it can have.
    lowest: float = -1.0
    highest: float = 1.0


SCORES: Mapping[str, Score] = {
    "frozen_knn": Score(compute=lambda labelling: labelling.neighbour_agreement),
    "frozen_probe": Score(compute=lambda labelling: labelling.probe_agreement),
    "frozen_dse": Score(compute=lambda labelling: labelling.frozen_dse, highest=3.0),
}
