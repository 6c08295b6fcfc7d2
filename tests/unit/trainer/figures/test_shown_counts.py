"""Figures of counted pixels leave out what neither occurs nor is predicted."""

import numpy as np

from trainer.figures.shown_counts import classes_by_frequency, confusion_shares


def test_a_class_without_pixels_has_a_column_only_where_it_is_predicted() -> None:
    counts_YZ = np.array([[3, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]])
    shown = confusion_shares(counts_YZ)
    assert (shown.rows, shown.columns) == ((0, 3), (0, 2, 3))
    assert shown.percent.tolist() == [[75, 25, 0], [0, 50, 50]]


def test_classes_are_in_the_order_of_the_labels() -> None:
    counts = {"labels": np.array([1, 0, 5, 0, 5]), "predicted": np.array([9, 0, 0, 2, 0])}
    assert classes_by_frequency(counts) == [2, 4, 0, 3]
