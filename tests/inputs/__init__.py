"""Unusual inputs of users, and how every data set and ``predict`` treats each of them.

A row is an oddity of one kind of file; its cells say whether it is used, used and said, or
refused. ``tests/integration/trainer/datasets/test_inputs.py`` holds every cell, ``docs/data.md``
shows them. A new oddity is a row in the file of its kind: :mod:`~tests.inputs.names`,
:mod:`~tests.inputs.lists`, :mod:`~tests.inputs.orientation`, :mod:`~tests.inputs.pixels`,
:mod:`~tests.inputs.masks`.
"""

from tests.inputs import lists, masks, names, orientation, pixels
from tests.inputs.table import COLUMNS, Row

__all__ = ["COLUMNS", "ROWS", "Row"]

ROWS: tuple[Row, ...] = (*names.ROWS, *lists.ROWS, *orientation.ROWS, *pixels.ROWS, *masks.ROWS)
