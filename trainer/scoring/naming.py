"""Names of clusters: the classes they match, where the labels support the match.

Letters of shapes: ``docs/architecture.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.base import Label
from trainer.scoring.metrics import cluster_of_class

__all__ = ["Evidence", "Naming", "name_classes", "name_clusters"]

#: Label of a pixel without a class; no name has this index.
VOID = 255
GREYS = (105, 215)  # of clusters without a class, darkest and lightest

Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The labels' support for the name of a cluster."""

    #: The cluster's own number.
    cluster: int
    #: Number of its labelled pixels, and of those with the class it was matched with.
    labelled: int
    matched: int

    @property
    def share(self) -> float:
        """Share of its labelled pixels that have the class; 0 if there are none."""
        return self.matched / max(1, self.labelled)


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Maps clusters to named indices: the classes, then the clusters without a class."""

    #: Index of each cluster with shape (Z,).
    index_of_cluster_Z: NDArray[np.uint8]
    #: Name of each index.
    names: tuple[str, ...]
    #: Number of names that are classes; these come first.
    classes: int
    #: One line for the user on the source of the names.
    said: str
    #: Index to the support for its name; empty if names do not come from matching.
    evidence: Mapping[int, Evidence] = field(default_factory=dict)

    @property
    def nameless(self) -> tuple[str, ...]:
        """Names of the clusters without a class."""
        return self.names[self.classes :]

    def apply(self, clusters_hw: NDArray[np.uint8]) -> Label:
        """Indices with shape (h, w)."""
        indices: Label = self.index_of_cluster_Z[clusters_hw]
        return indices

    def colours(self, palette: Sequence[Colour]) -> tuple[Colour, ...]:
        """One colour per index.

        Args:
            palette: One colour per class. Clusters without a class are grey if others have one;
                if no cluster has a class, they use the palette as far as it goes.
        """
        coloured = palette[: self.classes or len(self.names)]
        more = len(self.names) - len(coloured)
        shades = np.linspace(*GREYS, num=more).round().astype(int).tolist()
        return (*coloured, *((shade, shade, shade) for shade in shades))

    def entries(self, palette: Sequence[Colour]) -> list[dict[str, Any]]:
        """Every index as plain data, for a file next to the masks.

        Args:
            palette: As returned by :meth:`colours`.
        """
        made: list[dict[str, Any]] = []
        for index, (name, colour) in enumerate(zip(self.names, palette, strict=True)):
            entry: dict[str, Any] = {"index": index, "name": name, "colour": list(colour)}
            found = self.evidence.get(index)
            if found is not None:
                entry |= {
                    "cluster": found.cluster,
                    "labelled_val_pixels": found.labelled,
                    "matched_val_pixels": found.matched,
                    "matched_share": found.share,
                }
            elif self.evidence:
                entry["cluster"] = None
            made.append(entry)
        return made


def name_clusters(
    counts_YZ: NDArray[np.int64], classes: tuple[str, ...], *, images: int, split: str = "val"
) -> Naming:
    """Match clusters with classes as for the score, and keep the matches that labels support.

    One-to-one matching gives each cluster a class, even if no labelled pixel of the cluster has
    that class; such a cluster keeps its number as its name.

    Args:
        counts_YZ: Labelled pixels of each class (row) in each cluster (column).
        classes: Class names.
        images: Number of labelled images.
        split: The split of these images.
    """
    if not counts_YZ.any():
        return Naming(
            index_of_cluster_Z=np.arange(counts_YZ.shape[1], dtype=np.uint8),
            names=tuple(f"cluster {index}" for index in range(counts_YZ.shape[1])),
            classes=0,
            said=f"{split} has no labels to name clusters: masks hold the clusters' own numbers",
        )
    cluster_of = cluster_of_class(counts_YZ)
    found = [_evidence(counts_YZ, index, int(cluster)) for index, cluster in enumerate(cluster_of)]
    borne_out = {index: each for index, each in enumerate(found) if each.matched}
    alone = np.setdiff1d(np.arange(counts_YZ.shape[1]), cluster_of).tolist()
    spare = [
        Evidence(cluster=each, labelled=int(counts_YZ[:, each].sum()), matched=0) for each in alone
    ]
    unsupported = [*(each for each in found if not each.matched), *spare]
    others = sorted(unsupported, key=lambda each: each.cluster)
    # an index of a class is reused only if there are too many for a byte
    free = [*range(len(classes), VOID), *sorted(set(range(len(classes))) - set(borne_out))]
    placed = borne_out | dict(zip(free, others, strict=False))
    index_of_cluster_Z = np.zeros(counts_YZ.shape[1], dtype=np.uint8)
    names = [*classes, *[""] * max(0, max(placed) + 1 - len(classes))]
    for index, each in placed.items():
        index_of_cluster_Z[each.cluster] = index
        if not each.matched:
            names[index] = f"cluster {each.cluster}"
    return Naming(
        index_of_cluster_Z=index_of_cluster_Z,
        names=tuple(names),
        classes=len(classes),
        said=_said(images, split, others, more=bool(alone)),
        evidence=placed,
    )


def name_classes(classes: tuple[str, ...], said: str) -> Naming:
    """Indices that are classes already, such as those of the linear probe.

    Args:
        classes: Class names.
        said: One line on the source of the names.
    """
    return Naming(
        index_of_cluster_Z=np.arange(len(classes), dtype=np.uint8),
        names=classes,
        classes=len(classes),
        said=said,
    )


def _evidence(counts_YZ: NDArray[np.int64], index: int, cluster: int) -> Evidence:
    return Evidence(
        cluster=cluster,
        labelled=int(counts_YZ[:, cluster].sum()),
        matched=int(counts_YZ[index, cluster]),
    )


def _said(images: int, split: str, nameless: Sequence[Evidence], *, more: bool) -> str:
    said = f"clusters are named by the labels of the {images} {split} images (Hungarian matching)"
    if not nameless:
        return said
    names = ", ".join(f"cluster {each.cluster}" for each in nameless)
    why = "there are fewer classes" if more else "no labelled pixel of the remaining class"
    return f"{said}; {len(nameless)} keep{'s' * (len(nameless) == 1)} the number: {names} ({why})"
