"""Clusters are named after a class if a labelled pixel supports it, else by their number."""

import numpy as np
import pytest

from trainer.scoring.naming import Naming, name_classes, name_clusters

PALETTE = ((1, 2, 3), (40, 50, 60), (70, 80, 90))


def named(counts: list[list[int]], *classes: str) -> Naming:
    return name_clusters(np.array(counts), classes, images=7)


def test_clusters_are_named_by_the_matching_of_the_score() -> None:
    """Rows are classes, columns clusters: cluster 2 is class 0, and so on."""
    naming = named([[1, 0, 9], [8, 2, 0], [5, 6, 0]], "a", "b", "c")

    assert naming.index_of_cluster_Z.tolist() == [1, 2, 0] and naming.names == ("a", "b", "c")
    assert (
        naming.said == "clusters are named by the labels of the 7 val images (Hungarian matching)"
    )
    assert naming.apply(np.array([[2, 0]], dtype=np.uint8)).tolist() == [[0, 1]]
    assert naming.nameless == ()
    assert naming.evidence[0].share == 1 and naming.evidence[1].labelled == 14
    assert naming.evidence[1].share == pytest.approx(8 / 14)


def test_a_cluster_matched_with_a_class_without_pixels_keeps_its_number() -> None:
    """Class b has no labelled pixel; cluster 0 is large and would have been called b."""
    naming = named([[3, 5, 1], [0, 0, 0], [4, 0, 9]], "a", "b", "c")

    assert naming.names == ("a", "b", "c", "cluster 0") and naming.nameless == ("cluster 0",)
    assert naming.index_of_cluster_Z.tolist() == [3, 0, 2]
    assert "1 keeps the number: cluster 0" in naming.said
    assert naming.evidence[3].matched == 0 and naming.evidence[3].labelled == 7
    entries = naming.entries(naming.colours(PALETTE))
    assert [each["name"] for each in entries] == ["a", "b", "c", "cluster 0"]
    assert [each["cluster"] for each in entries] == [1, None, 2, 0]
    assert entries[2]["matched_share"] == 0.9 and entries[2]["matched_val_pixels"] == 9
    assert entries[3]["colour"] not in [list(colour) for colour in PALETTE]


def test_a_cluster_matched_with_a_class_it_does_not_touch_keeps_its_number() -> None:
    """Both classes occur, both only in cluster 0."""
    naming = named([[5, 0], [4, 0]], "a", "b")

    assert naming.names == ("a", "b", "cluster 1")
    assert naming.index_of_cluster_Z.tolist() == [0, 2]


def test_clusters_without_a_class_have_different_greys() -> None:
    naming = named([[9, 0, 0], [0, 0, 0], [0, 0, 0]], "a", "b", "c")

    colours = naming.colours(PALETTE)
    assert colours[:3] == PALETTE and len(set(colours)) == 5 == len(naming.names)
    assert all(len(set(colour)) == 1 for colour in colours[3:])


def test_without_any_labels_clusters_have_their_numbers_and_the_palette() -> None:
    naming = named([[0, 0], [0, 0]], "a", "b")

    assert naming.index_of_cluster_Z.tolist() == [0, 1]
    assert naming.names == ("cluster 0", "cluster 1") and "no labels" in naming.said
    assert naming.colours(PALETTE) == PALETTE[:2]
    assert naming.entries(PALETTE[:2])[1] == {
        "index": 1,
        "name": "cluster 1",
        "colour": [40, 50, 60],
    }


@pytest.mark.parametrize("classes", [128, 200, 254])
def test_indices_fit_a_byte_and_differ_for_each_cluster(classes: int) -> None:
    counts = np.zeros((classes, classes), dtype=np.int64)
    counts[0, 3] = 1

    naming = name_clusters(counts, tuple(f"c{n}" for n in range(classes)), images=1)

    indices = naming.index_of_cluster_Z.tolist()
    assert len(set(indices)) == classes and max(indices) < 255 and len(naming.names) <= 255
    assert naming.names[indices[3]] == "c0"
    assert all(naming.names[indices[n]] == f"cluster {n}" for n in range(classes) if n != 3)
    assert len(naming.colours(((1, 1, 1),) * classes)) == len(naming.names)


def test_names_without_matching_have_no_evidence() -> None:
    naming = name_classes(("a", "b"), "by the probe")

    assert naming.names == ("a", "b") and not naming.evidence
    assert naming.entries(PALETTE[:2])[0] == {"index": 0, "name": "a", "colour": [1, 2, 3]}


def test_clusters_beyond_the_number_of_classes_keep_their_numbers() -> None:
    naming = named([[9, 0, 1, 2], [0, 8, 1, 0]], "a", "b")

    assert naming.index_of_cluster_Z.tolist() == [0, 1, 2, 3]
    assert naming.names == ("a", "b", "cluster 2", "cluster 3")
    assert "2 keep the number: cluster 2, cluster 3 (there are fewer classes)" in naming.said
    assert naming.evidence[2].labelled == 2 and naming.evidence[2].matched == 0
    without = named([[0, 0, 0], [0, 0, 0]], "a", "b")
    assert without.names == ("cluster 0", "cluster 1", "cluster 2")
    assert len(set(without.colours(PALETTE[:2]))) == 3
