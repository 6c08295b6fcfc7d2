"""Inspection of a data set: reads every file and reports contents and faults."""

from trainer.datasets.alignment import Shift
from trainer.inspection.facts import Finding, Inspection, KindFacts, SplitFacts
from trainer.inspection.readiness import measure_readiness
from trainer.inspection.walk import walk_through

__all__ = [
    "Finding",
    "Inspection",
    "KindFacts",
    "Shift",
    "SplitFacts",
    "measure_readiness",
    "walk_through",
]
