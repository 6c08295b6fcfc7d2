"""A comparison table with hand-made results: one finished row, one that is not, one quoted."""

import dataclasses
from pathlib import Path
from typing import Any

from search.config.comparison_table import ComparisonTable
from search.config.table_file import read_table
from search.records.confirmation import Confirmation, ConfirmedRun, StoredConfirmation
from search.records.jobs import Job
from search.reporting.assessing import choose_finalists
from search.reporting.comparison_table.table_view import TableView, view_table
from search.reporting.study_details import StudyDetails
from tests.unit.search.reporting.studies import TRIALS, details_of, healthy_trials

TEXT = """
title = "Table & co_1"
base = "rooms"
trials = 40
seeds = 3

[[row]]
label = "K-means"
settings.method.name = "kmeans"

[[row]]
label = "UniM2 | all"
name = "unim2"
settings.method.name = "unim2"
published = { miou = 36.9, source = "paper, Table 2", protocol = "best on test" }

[[row]]
label = "EAGLE"
published_only = true
modalities = "rgb"
backbone = "ViT-S/16"
data = "nyu"
published = { miou = 27.4, accuracy = 51.6, source = "paper, Table 2", protocol = "best on test" }
"""
SEEDS = (1, 2, 3)


def make_table(folder: Path) -> ComparisonTable:
    path = folder / "made.toml"
    path.write_text(TEXT)
    return read_table(path)


def confirmed_details(
    *, test: dict[str, Any] | None = None, scored: tuple[int, ...] = SEEDS
) -> StudyDetails:
    """A finished study whose best trial by the model was confirmed and scored on test."""
    details = details_of(healthy_trials())
    assert details.assessment is not None
    chosen = choose_finalists(details.view, details.assessment, top=1)
    plan = StoredConfirmation(
        trials=chosen.trials, seeds=3, chosen_by=chosen.chosen_by, references=()
    )
    [trial] = chosen.trials
    runs = {
        Job("confirm", trial, seed): ConfirmedRun(value=value)
        for seed, value in zip(SEEDS, (30.0, 31.0, 32.0), strict=True)
    }
    stored_test = {
        "trial": trial,
        "seeds": list(SEEDS),
        "planned": list(SEEDS),
        "miou": 29.0,
        "accuracy": 60.0,
        "reading": 2,
        **(test or {}),
    }
    scores = {
        Job("test", trial, seed): {"miou": 27.0 + seed, "accuracy": 56.0 + 2 * seed}
        for seed in scored
    }
    confirmation = Confirmation(plan=plan, runs=runs, test=stored_test, scores=scores)
    return with_confirmation(details, confirmation)


def with_confirmation(details: StudyDetails, confirmation: Confirmation) -> StudyDetails:
    view = dataclasses.replace(details.view, confirmation=confirmation)
    return dataclasses.replace(details, view=view)


def make_view(folder: Path, **studies: StudyDetails) -> TableView:
    table = make_table(folder)
    found = {f"made-{name.replace('_', '-')}": details for name, details in studies.items()}
    assert table.trials == TRIALS
    return view_table(table, found)
