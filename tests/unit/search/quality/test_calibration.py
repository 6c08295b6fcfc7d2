import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest
import scipy

from search.quality.calibration import (
    LOWER,
    Calibrated,
    Calibration,
    CalibrationRun,
    NotCalibrated,
    attainable,
    calibrate,
    intraclass,
    last_numbers,
    spearman,
)
from trainer.scoring.criteria import CRITERIA

SETTINGS = 30


def run(setting: int, seed: int = 0, **numbers: float) -> CalibrationRun:
    return CalibrationRun(setting=setting, seed=seed, numbers=numbers)


def runs(*, seeds: int = 1, noise: float = 0.0) -> list[CalibrationRun]:
    """Setting n has the mIoU n, plus noise; `good` follows it, `largest_share` goes down."""
    generator = np.random.default_rng(0)
    found = []
    for seed in range(seeds):
        for setting in range(SETTINGS):
            miou = setting + noise * float(generator.normal())
            found.append(
                run(
                    setting,
                    seed,
                    miou=miou,
                    good=setting / 10,
                    largest_share=1 - setting / 100,
                    opposite=-setting,
                    constant=1.0,
                    partly=setting if setting < 20 else math.nan,
                )
            )
    return found


def made(
    known: Sequence[CalibrationRun],
    references: dict[str, Sequence[CalibrationRun]] | None = None,
) -> Calibration:
    found = calibrate(known, repeats=known, references=references or {})
    assert isinstance(found, Calibration)
    return found


def row(found: Calibration, name: str) -> Calibrated:
    return next(each for each in found.criteria if each.name == name)


def test_spearman_is_that_of_scipy_with_ties() -> None:
    first, second = [1.0, 2.0, 2.0, 5.0, 3.0], [2.0, 1.0, 4.0, 4.0, 9.0]
    assert spearman(first, second) == pytest.approx(
        float(scipy.stats.spearmanr(first, second).statistic)
    )
    assert spearman([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None
    assert spearman([1.0, 2.0], [1.0, 2.0]) is None


def test_reliability_is_the_share_of_variance_between_settings() -> None:
    generator = np.random.default_rng(1)
    truth = generator.normal(0, 2, 4000)
    groups = [[value + each for each in generator.normal(0, 1, 3)] for value in truth]
    assert intraclass(groups) == pytest.approx(0.8, abs=0.01)
    assert intraclass([[1.0, 1.0], [2.0, 2.0]]) == 1
    assert intraclass([[0.0, 2.0], [1.0, 1.0]]) == 0
    assert intraclass([[1.0, 1.0], [1.0, 1.0]]) is None
    assert intraclass([[1.0, 2.0]]) is None


def test_the_ceiling_is_the_correlation_of_noisy_means_with_the_truth() -> None:
    generator = np.random.default_rng(2)
    truth = generator.normal(0, 1, 20000)
    means = truth + generator.normal(0, math.sqrt(3) / math.sqrt(4), 20000)
    assert attainable(0.25, 4) == pytest.approx(np.corrcoef(truth, means)[0, 1], abs=0.01)
    assert attainable(1.0, 1) == 1 and attainable(0.0, 3) == 0


def test_lower_is_better_for_the_criteria_that_say_so() -> None:
    found = made(runs())
    assert row(found, "good").rho == row(found, "largest_share").rho == pytest.approx(1)
    assert row(found, "largest_share").lower and not row(found, "good").lower
    assert row(found, "largest_share").worth == SETTINGS - 1
    assert row(found, "opposite").rho == pytest.approx(-1)
    assert row(found, "constant").rho is None and row(found, "constant").low is None


def test_each_criterion_declares_its_direction() -> None:
    declared = {name for name, each in CRITERIA.items() if each.lower_is_better}
    dependences = {"image_dependence", "position_dependence"}
    assert declared == {"largest_share", "mean_cosine", *dependences}
    assert set(LOWER) == {*declared, "loss"}


def test_regret_is_that_of_the_best_of_the_favourites() -> None:
    found = row(made(runs()), "opposite")
    assert found.regret == {1: 29, 5: 25, 10: 20}
    assert found.worst == found.worth == 0 and found.share == 0
    assert row(made(runs()), "good").regret[1] == 0


def test_an_undefined_criterion_is_no_favourite() -> None:
    found = row(made(runs()), "partly")
    assert found.runs == 20 and found.worth == 19


def test_picks_among_several_seeds_are_judged_by_the_others() -> None:
    found = made(runs(seeds=3, noise=8.0))
    assert (found.rounds, found.held_out) == (3, True)
    assert found.labelled < found.best, "the luck of the run that was picked does not count"
    assert row(found, "good").worth > found.labelled
    assert found.reliability is not None and found.ceiling is not None
    assert 0.3 < found.reliability < 0.8
    own = row(made(runs(noise=8.0)), "miou")
    assert own.share == 100 and own.regret[1] == 0, "a single run is judged by itself"


def test_means_over_seeds_follow_more_closely() -> None:
    found = made(runs(seeds=3, noise=8.0))
    good = row(found, "good")
    assert good.rho is not None and good.rho_means is not None
    assert good.rho < good.rho_means
    assert found.ceiling_means is not None and found.ceiling is not None
    assert found.ceiling < found.ceiling_means


@pytest.mark.parametrize(
    ("floor", "name", "below", "fires"),
    [
        (run(-2, miou=20.0, good=2.0, opposite=-20.0), "good", 0, 0),
        (run(-2, miou=20.0, good=2.0, opposite=-20.0), "opposite", 1, 0),
        (run(-2, miou=40.0, good=4.0, opposite=-20.0), "good", 1, 1),
        (run(-2, miou=20.0, good=4.0, opposite=-20.0), "good", 0, 1),
    ],
    ids=["silent", "misses", "fires", "fires needlessly"],
)
def test_the_floor_rule_is_held_against_the_mean_iou(
    floor: CalibrationRun, name: str, below: int, fires: int
) -> None:
    found = made(runs(), {"kmeans": [floor]})
    each = row(found, name)
    assert (each.below, each.fires, each.caught) == (below, fires, below and fires)
    assert found.references == {"kmeans": floor.numbers["miou"]}


@pytest.mark.parametrize(
    ("entropy", "probe", "fires"),
    [(0.85, 0.4, False), (0.75, 0.4, True), (0.85, 0.5, True)],
    ids=["above in all", "clusters were merged", "a score is not above"],
)
def test_the_label_free_score_alone_is_no_success(
    entropy: float, probe: float, fires: bool
) -> None:
    known = [
        dataclasses.replace(
            each,
            numbers={
                **each.numbers,
                **{"label_free": each.numbers["good"], "cluster_entropy": entropy},
                **{"frozen_knn": 0.5, "frozen_probe": 0.45, "frozen_dse": 0.5},
            },
        )
        for each in runs()
    ]
    kmeans = run(-2, miou=1.0, label_free=1.0, frozen_probe=probe, cluster_entropy=0.9)
    assert row(made(known, {"kmeans": [kmeans]}), "label_free").fires == fires


def test_too_little_is_said_in_one_phrase() -> None:
    empty = calibrate([], repeats=[], references={})
    assert empty == NotCalibrated(reason="it has no full run yet")
    few = calibrate(runs()[:5], repeats=[], references={})
    assert few == NotCalibrated(reason="needs full runs of 10 settings, there are 5")
    unlabelled = [
        dataclasses.replace(each, numbers={**each.numbers, "miou": math.nan}) for each in runs()
    ]
    none = calibrate(unlabelled, repeats=[], references={})
    assert isinstance(none, NotCalibrated) and "no labels" in none.reason


def test_the_interval_narrows_with_more_runs() -> None:
    few, many = (made(runs(seeds=seeds, noise=8.0)) for seeds in (1, 4))
    widths = []
    for found in (few, many):
        good = row(found, "good")
        assert good.rho is not None and good.low is not None and good.high is not None
        assert good.low < good.rho < good.high
        widths.append(good.high - good.low)
    assert widths[1] < widths[0]


def test_a_criterion_is_the_median_of_the_last_evaluations() -> None:
    looks = [{"miou": 10.0 * step, "late": 1.0} for step in range(1, 8)]
    looks[3] = {"miou": 40.0}
    assert last_numbers(looks) == {"miou": 50.0}, "one of the last evaluations lacks the other"
    assert math.isnan(last_numbers([{"miou": math.nan}])["miou"])
