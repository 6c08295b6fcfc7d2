"""The composite: one number without labels, from a gate and the ranks of a few scores.

A constant, random or purely spatial clustering deceives most single scores, above all those that
are computed from the run's own codes. The composite therefore has three parts. A gate refuses
degenerate clusterings. Each score is replaced by its rank in a fixed reference. The mean of the
ranks is capped at twice the lowest one, so that a high rank in one score cannot make up for a
failure in another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import fmean

from torch import Tensor

from trainer.features.dataset_features import ValSplit
from trainer.scoring.label_free.frozen_space import FrozenSpace, measure_space
from trainer.scoring.label_free.gate import closed_by
from trainer.scoring.label_free.labelling import Labelling, LabellingTally
from trainer.scoring.label_free.reference import Reference, make_reference
from trainer.scoring.label_free.scores import SCORES

__all__ = ["Judge", "JudgedLabelling", "judge_of"]

CAP = 2  # times the lowest rank


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Judges the runs on one split: what all of them are compared with."""

    space: FrozenSpace
    reference: Reference

    def tally(self, centres_YK: Tensor) -> LabellingTally:
        """Collects the clusters of a run.

        Args:
            centres_YK: Centres of its clusters, of unit length.
        """
        return LabellingTally(self.space, centres_YK)

    def judge(self, labelling: Labelling) -> "JudgedLabelling":
        """A clustering with its judge."""
        return JudgedLabelling(labelling=labelling, reference=self.reference)


@dataclass(frozen=True, kw_only=True)
class JudgedLabelling:
    """A clustering of the sampled tokens, and what it is compared with."""

    labelling: Labelling
    reference: Reference

    @cached_property
    def refused(self) -> str | None:
        """Why it does not pass the gate; None if it does."""
        return closed_by(self.labelling, self.reference.kmeans)

    @cached_property
    def ranks(self) -> Mapping[str, float]:
        """The rank of each score in the reference, from 0 to 1."""
        return {
            name: self.reference.rank(name, score.compute(self.labelling))
            for name, score in SCORES.items()
        }

    @cached_property
    def composite(self) -> float:
        """The mean rank, capped, in percent; 0 for a clustering that the gate refuses."""
        if self.refused is not None:
            return 0.0
        ranks = self.ranks.values()
        return 100 * min(fmean(ranks), CAP * min(ranks))


@lru_cache(maxsize=1)
def judge_of(split: ValSplit, clusters: int) -> Judge | None:
    """The judge of a split, made once for all runs on it.

    Args:
        split: The split, as a key by its identity.
        clusters: Number of clusters.

    Returns:
        None if the split has fewer than two images: there is nothing to compare.
    """
    space = measure_space(split.features)
    if space is None:
        return None
    return Judge(space=space, reference=make_reference(space, clusters))
