"""Trials that studies have in common, whatever their spaces."""

import dataclasses

from search.config.configuration import resolve
from search.reporting.canonical import in_common, with_canonical
from search.reporting.compared_studies import compare, comparison_rows
from search.reporting.study_view import StudyView
from search.samplers.startup import quasi_random_point
from search.spaces.canonical import canonical_vector, same_vector
from tests.unit.search.reporting.studies import details_of, full_run


def study(space: str, *numbers: int, seed: int = 0) -> StudyView:
    """Full runs with the defaults (0) or with quasi-random points; no vector is stored."""
    config = resolve("rooms", None, {"search": {"space": space}})
    trials = [
        dataclasses.replace(
            full_run(place, 20.0),
            params=quasi_random_point(config.space(), number, seed)
            if number
            else config.space().defaults,
        )
        for place, number in enumerate(numbers)
    ]
    view = details_of(trials).view
    return dataclasses.replace(view, config=config.to_table(), space=config.space())


def test_vectors_that_are_not_stored_are_computed() -> None:
    view = study("ratio", 0, 1)
    config = resolve("rooms", None, {"search": {"space": "ratio"}})
    for trial in with_canonical(view).trials:
        assert trial.canonical == canonical_vector(trial.params, config.train)
    assert with_canonical(with_canonical(view)) == with_canonical(view)


def test_a_study_of_another_version_has_no_vectors() -> None:
    view = dataclasses.replace(study("paper", 0), config={"search": {"space": "of the future"}})
    assert with_canonical(view) == view
    assert in_common(view, (study("paper", 0),)) == 0


def test_the_same_runs_of_different_spaces_are_counted() -> None:
    ratio, paper, other = study("ratio", 0, 1, 2), study("paper", 0, 3), study("paper", 4)
    assert same_vector(
        with_canonical(ratio).trials[0].canonical, with_canonical(paper).trials[0].canonical
    )
    assert in_common(ratio, (paper, other)) == in_common(paper, (ratio,)) == 1
    assert in_common(other, (ratio, paper)) == 0


def test_a_comparison_shows_them() -> None:
    details = [
        dataclasses.replace(details_of(), view=study(space, 0, number))
        for space, number in (("paper", 1), ("ratio", 2))
    ]
    assert comparison_rows(compare(details))["trials in common"] == ("1", "1")
